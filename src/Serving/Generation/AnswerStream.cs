using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>
/// Writes streamed answers: plain samples token by token, Best-of-N as pings while it works and then the chosen text. Thread-safe.
/// </summary>
public sealed class AnswerStream(
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    PromptEchoes echoes,
    IEnumerable<ApiErrorRule> rules,
    IOptions<GenerationOptions> options,
    TimeProvider time)
{
    private readonly ApiErrorRule[] _rules = [.. rules];
    private readonly TimeSpan _pingInterval = options.Value.PingInterval;

    /// <summary>
    /// Streams the job's answer and gives back what it told. A failure before the first frame is thrown as it is. A later one is told in an error frame and then
    /// thrown, which breaks the connection: clients that do not read error frames must not take the rest for the whole.
    /// With an attempt, a stream whose caller leaves after the choice is made is still completed, for the caller who comes again.
    /// </summary>
    public async Task<GenerationResult> WriteAsync(GenerationJob job, Attempt? attempt, HttpResponse response, CancellationToken cancellationToken)
    {
        var stream = new EventStream(response, attempt, cancellationToken);
        var format = AnswerFormat.Of(job.Request.Kind);
        try
        {
            var prompts = await echoes.OfAsync(job, cancellationToken);
            var result = job.Candidates is { } count
                ? await WriteBestOfNAsync(job, count, prompts, stream, format, cancellationToken)
                : await WriteDirectAsync(job, prompts, stream, format, cancellationToken);
            if (job.Request.IncludeUsage)
            {
                await stream.DataAsync(format.UsageOnly(job, AnswerFormat.UsageOf(job, [.. result.Answers.Select(i => result.Candidates[i])])));
            }

            await stream.DoneAsync();
            cancellationToken.ThrowIfCancellationRequested();
            return result;
        }
        catch (Exception exception) when (response.HasStarted && !cancellationToken.IsCancellationRequested)
        {
            await stream.DataAsync(ApiErrors.Describe(exception, _rules).ToJson());
            throw;
        }
    }

    private async Task<GenerationResult> WriteDirectAsync(
        GenerationJob job, IReadOnlyList<EchoedPrompt> prompts, EventStream stream, AnswerFormat format, CancellationToken cancellationToken)
    {
        var answers = new Candidate[job.Choices];
        ShownTokens[] shown = job.Request.LogProbs ? [.. answers.Select(_ => new ShownTokens(job.Tokenizer))] : [];
        var opened = false;
        await foreach (var (index, token) in direct.Stream(job, cancellationToken))
        {
            if (!opened)
            {
                await OpenAsync(job, prompts, stream, format);
                opened = true;
            }

            var tokens = shown.Length > 0 ? shown[index].Add(token) : [];
            await WriteAsync(job, index, token.Text, token.Finished, tokens, stream, format, report: null);
            answers[index] = token.Finished is { } candidate ? candidate with { Index = index } : answers[index];      // each of the streams counts from 0
        }

        return new GenerationResult(answers, [.. Enumerable.Range(0, answers.Length)], Ranking: null);
    }

    private async Task<GenerationResult> WriteBestOfNAsync(
        GenerationJob job, int count, IReadOnlyList<EchoedPrompt> prompts, EventStream stream, AnswerFormat format, CancellationToken cancellationToken)
    {
        var result = await PingUntilDoneAsync(bestOfN.GenerateAsync(job, count, cancellationToken), stream, cancellationToken);
        Candidate[] answers = [.. result.Answers.Select(i => result.Candidates[i])];
        await OpenAsync(job, prompts, stream, format);
        for (var index = 0; index < answers.Length; index++)
        {
            var tokens = job.Request.LogProbs ? ShownTokens.Of(answers[index], job.Tokenizer) : [];
            var report = index == answers.Length - 1 ? AnswerFormat.Report(job, result) : null;
            await WriteAsync(job, index, answers[index].Text, answers[index], tokens, stream, format, report);
        }

        return result;
    }

    /// <summary>One frame for the text, if any, and one for the end; tokens go with the text, or else with the end.</summary>
    private static async Task WriteAsync(
        GenerationJob job,
        int index,
        string text,
        Candidate? finished,
        IReadOnlyList<ShownToken> tokens,
        EventStream stream,
        AnswerFormat format,
        BestOfNReport? report)
    {
        if (text.Length > 0)
        {
            await stream.DataAsync(format.Text(job, index, text, tokens));
            tokens = [];
        }

        if (finished is not null)
        {
            await stream.DataAsync(format.Closing(job, index, finished, tokens, report));
        }
    }

    private async Task<GenerationResult> PingUntilDoneAsync(
        Task<GenerationResult> work, EventStream stream, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_pingInterval, time);
        try
        {
            var tick = timer.WaitForNextTickAsync(cancellationToken).AsTask();
            while (await Task.WhenAny(work, tick) != work)
            {
                if (cancellationToken.IsCancellationRequested)
                {
                    break;                                             // the work knows: it ends too, or is past the choice and will be whole
                }

                await tick;
                await stream.PingAsync();
                tick = timer.WaitForNextTickAsync(cancellationToken).AsTask();
            }

            return await work;
        }
        finally
        {
            await Task.WhenAny(work);                                  // the work uses the job's lease, which ends when we return
        }
    }

    private static async Task OpenAsync(GenerationJob job, IReadOnlyList<EchoedPrompt> prompts, EventStream stream, AnswerFormat format)
    {
        for (var index = 0; index < job.Choices; index++)
        {
            if (format.Opening(job, index, prompts) is { } opening)
            {
                await stream.DataAsync(opening);
            }
        }
    }
}
