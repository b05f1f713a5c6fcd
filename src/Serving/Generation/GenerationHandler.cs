using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Experiments;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>One request from its body to its answer, over HTTP or from a file of requests. Thread-safe.</summary>
public sealed partial class GenerationHandler(
    GenerationRouter router,
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    PromptEchoes echoes,
    AnswerStream streams,
    AnswerMemory memory,
    EpisodeLog episodes,
    AnsweredRequests answered,
    ExposureLog exposures,
    IEnumerable<ApiErrorRule> rules,
    IOptions<GenerationOptions> options,
    IOptions<RequestOptions> requests,
    TimeProvider time,
    ILogger<GenerationHandler> logger)
{
    private const int MostNames = 16;

    private readonly GenerationOptions _options = options.Value;

    /// <summary>Over HTTP, whole or as a stream.</summary>
    public async Task AnswerAsync(AnswerKind kind, HttpContext context, CancellationToken cancellationToken)
    {
        using var telemetry = RequestTelemetry.Begin(kind, context.Request);
        try
        {
            await AnswerAsync(kind, context, telemetry, cancellationToken);
        }
        catch (Exception exception)
        {
            telemetry.Failed(cancellationToken.IsCancellationRequested ? "client_closed_request" : ApiErrors.Describe(exception, rules).Code);
            throw;
        }
    }

    /// <summary>The same without HTTP: the answer follows from body and stamp alone, so what would depend on other requests is refused.</summary>
    /// <exception cref="ApiException">The body is wrong, or asks for a stream or for an early stop learnt from other requests.</exception>
    public async Task<byte[]> AnswerAsync(AnswerKind kind, JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        using var job = Begin(kind, body, stamp);
        return (await WholeAsync(job, cancellationToken)).Answer;
    }

    /// <summary>All candidates of a conversation's body that asks for Best-of-N, with their totals; the same rules.</summary>
    /// <exception cref="ApiException">The body is wrong.</exception>
    public async Task<RankedGroup> RankAsync(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        using var job = Begin(AnswerKind.Chat, body, stamp);
        var count = job.Candidates ?? throw RequestFields.Missing("best_of_n", "how many candidates to rank.");
        var result = await bestOfN.GenerateAsync(job, count, cancellationToken);
        var prompt = job.Prompts[0];
        return new RankedGroup(prompt.Text, prompt.Source, [.. result.Candidates.Select((candidate, i) => (candidate.Text, result.Ranking!.Scores[i].Total))]);
    }

    private GenerationJob Begin(AnswerKind kind, JsonElement body, RequestStamp stamp)
    {
        var request = RequestParser.Parse(kind, body, _options);
        if (request.Stream)
        {
            throw RequestFields.Unsupported("stream", "is not supported in a file of requests: leave it out.");
        }

        if (request.BestOfN?.EarlyStop is { At: null })
        {
            throw RequestFields.Unsupported(
                "best_of_n.early_stop", "is true, which learns from the requests before; in a file of requests send {\"at\": total}.");
        }

        return router.Begin(request, stamp, RequestOrigin.File);
    }

    private async Task AnswerAsync(AnswerKind kind, HttpContext context, RequestTelemetry telemetry, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, cancellationToken);
        using var attempt = RequestIdentity.Of(context.Request, body.RootElement) is { } identity ? await memory.BeginAsync(identity, cancellationToken) : null;
        if (attempt?.Earlier is { } earlier)
        {
            telemetry.Repeated();
            await earlier.WriteAsync(context.Response, cancellationToken);
            return;
        }

        using var job = router.Begin(
            RequestParser.Parse(kind, body.RootElement, _options),
            RequestStamp.Now(time),
            new RequestOrigin(telemetry.TraceId, attempt?.Identity.Digest ?? "", attempt is not null && IsLogged(attempt)));
        telemetry.Accepted(job);
        if (job.Request.Ignored is { Count: > 0 } ignored)
        {
            Log.Ignored(logger, job.Id, string.Join(", ", ignored.Take(MostNames).Select(name => JsonEncodedText.Encode(name))));
        }

        if (job.Request.Stream)
        {
            var streamed = await streams.WriteAsync(job, attempt, context.Response, cancellationToken);
            telemetry.Answered(streamed);
            Compare(job, streamed, telemetry.Elapsed);
            return;
        }

        var (answer, result) = await WholeAsync(job, cancellationToken);
        attempt?.Complete(new RememberedAnswer(RequestRegistration.JsonContent, answer));
        await RequestRegistration.WriteAsync(context.Response, answer, cancellationToken);
        telemetry.Answered(result);
        Compare(job, result, telemetry.Elapsed);
    }

    /// <summary>What an experiment may learn from an answer; takes no time.</summary>
    private void Compare(GenerationJob job, GenerationResult result, TimeSpan duration)
    {
        if (job.Assignment is { } assignment)
        {
            exposures.Add(new Exposure(
                job.Id, job.Created, assignment, job.PolicyId, duration.TotalMilliseconds, result.Candidates.Sum(candidate => candidate.Tokens.Length)));
        }

        answered.Offer(job, result, duration);
    }

    /// <summary>A repeat whose first answer is forgotten, or was lost with an earlier process, while its episode is there.</summary>
    private bool IsLogged(Attempt attempt) =>
        attempt is { IsFirst: true, Identity.MayRepeat: true }
        && episodes.LastOf(attempt.Identity.Digest) is { } logged && logged >= time.GetUtcNow() - requests.Value.RememberAnswersFor;

    private async Task<(byte[] Answer, GenerationResult Result)> WholeAsync(GenerationJob job, CancellationToken cancellationToken)
    {
        var prompts = await echoes.OfAsync(job, cancellationToken);
        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        return (AnswerFormat.Of(job.Request.Kind).Whole(job, result, prompts), result);
    }

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Debug, "{Id}: fields without effect: {Names}.")]
        public static partial void Ignored(ILogger logger, string id, string names);
    }
}
