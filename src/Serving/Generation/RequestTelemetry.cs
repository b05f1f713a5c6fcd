using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Inference;
using Serving.Observability;

namespace Serving.Generation;

/// <summary>
/// Measures one request from its arrival to its disposal: its span, which continues the caller's trace, and its metrics. Never holds text of the
/// prompt or of an answer. Not thread-safe.
/// </summary>
internal sealed class RequestTelemetry : IDisposable
{
    /// <summary>An array for each reason, since every candidate has one.</summary>
    private static readonly string[][] _reasons =
        [.. Enum.GetValues<FinishReason>().Order().Select(reason => (string[])[AnswerFormat.Reason(reason)])];

    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly Activity? _span;
    private TagList _tags;
    private int _promptTokens;
    private GenerationResult? _result;

    private RequestTelemetry(string operation, HttpRequest request)
    {
        _tags.Add(GenAi.OperationName, operation);
        _tags.Add(GenAi.ProviderName, GenAi.Provider);
        var caller = Telemetry.CallerOf(request);
        _span = Telemetry.Serve(operation, caller, _tags);
        var trace = _span?.TraceId ?? caller.TraceId;
        TraceId = trace == default ? "" : trace.ToHexString();
    }

    /// <summary>The caller's trace, or that of our span; empty without both. 32 hex digits.</summary>
    public string TraceId { get; }

    /// <summary>Time since its arrival.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_begun);

    /// <summary>A request has arrived. Until disposal its span is the current one of the calling method.</summary>
    public static RequestTelemetry Begin(AnswerKind kind, HttpRequest request) => new(kind == AnswerKind.Chat ? "chat" : "text_completion", request);

    /// <summary>
    /// A policy takes the request. Only now its model is told: before, it is any text that somebody has sent, and each would be a series of its own.
    /// </summary>
    public void Accepted(GenerationJob job)
    {
        var request = job.Request;
        _promptTokens = job.Prompts.Sum(prompt => prompt.Tokens.Length);
        _tags.Add(GenAi.RequestModel, request.Model);
        _tags.Add(GenAi.ResponseModel, job.PolicyId);
        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        var sampling = job.SamplingOf(job.Prompts[0]);
        _span.DisplayName = $"{_span.OperationName} {request.Model}";
        _span.AddTag(GenAi.RequestModel, request.Model)
            .AddTag(GenAi.ResponseModel, job.PolicyId)
            .AddTag(GenAi.ResponseId, job.Id)
            .AddTag(GenAi.RequestChoiceCount, request.Answers)
            .AddTag(GenAi.RequestSeed, unchecked((long)sampling.Seed))
            .AddTag(GenAi.RequestTemperature, sampling.Temperature)
            .AddTag(GenAi.RequestTopK, sampling.TopK)
            .AddTag(GenAi.RequestTopP, sampling.TopP)
            .AddTag(GenAi.RequestMaxTokens, sampling.MaxTokens)
            .AddTag(GenAi.InputTokens, _promptTokens);
        if (job.Candidates is { } count)
        {
            _span.SetTag(GenAi.Candidates, count);
        }
    }

    /// <summary>The answer is complete.</summary>
    public void Answered(GenerationResult result)
    {
        _result = result;
        if (_span is not { IsAllDataRequested: true })
        {
            return;
        }

        _span.SetTag(GenAi.OutputTokens, result.Answers.Sum(i => result.Candidates[i].Tokens.Length))
            .SetTag(GenAi.FinishReasons, result.Answers.Select(i => AnswerFormat.Reason(result.Candidates[i].FinishReason)).ToArray());
        if (result.Ranking is null)
        {
            foreach (var candidate in result.Candidates)
            {
                Sample(_span, candidate)?.Dispose();
            }
        }
    }

    /// <summary>An earlier answer was given again: nothing was generated.</summary>
    public void Repeated() => _span?.SetTag("serving.replayed", true);

    /// <summary>The request ended with an error of this code.</summary>
    public void Failed(string code)
    {
        _result = null;
        _tags.Add(Telemetry.ErrorType, code);
        Telemetry.Fail(_span, code);
    }

    public void Dispose()
    {
        var duration = Stopwatch.GetElapsedTime(_begun);
        GenerationTelemetry.Ended(duration, _tags);
        if (_result is not null)
        {
            GenerationTelemetry.Answered(_begun, duration, _promptTokens, _result, _tags);
        }

        _span?.Dispose();
    }

    /// <summary>
    /// The span of a candidate that has just been sampled; what is scored before its disposal stands below it. Null when the request is not traced.
    /// </summary>
    public static Activity? Sample(Activity? request, Candidate candidate)
    {
        if (request is null)
        {
            return null;
        }

        var span = Telemetry.Activities.StartActivity("sample", ActivityKind.Internal, request.Context, startTime: Telemetry.At(candidate.Times.First));
        return span?.AddTag(GenAi.CandidateIndex, candidate.Index)          // unlike SetTag it looks for no earlier value
            .AddTag(GenAi.OutputTokens, candidate.Tokens.Length)
            .AddTag(GenAi.FinishReasons, _reasons[(int)candidate.FinishReason])
            .SetEndTime(Telemetry.At(candidate.Times.Last).UtcDateTime);
    }
}
