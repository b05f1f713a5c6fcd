using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;

namespace Serving.Generation;

/// <summary>
/// Writes streamed answers: plain samples token by token, Best-of-N as pings while it works and then the chosen text. Thread-safe.
/// </summary>
public sealed class AnswerStream(
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    IEnumerable<ApiErrorRule> rules,
    IOptions<GenerationOptions> options,
    TimeProvider time)
{
    private readonly ApiErrorRule[] _rules = [.. rules];
    private readonly TimeSpan _pingInterval = options.Value.PingInterval;

    /// <summary>
    /// Streams the job's answer and gives back what it told. A failure before the first frame is thrown as it is. A later one is told in an error frame and then
    /// thrown, which breaks the connection: clients that do not read error frames must not take the rest for the whole.
    /// </summary>
    public async Task<GenerationResult> WriteAsync(GenerationJob job, HttpResponse response, CancellationToken cancellationToken)
    {
        var stream = new EventStream(response, cancellationToken);
        var format = AnswerFormat.Of(job.Request.Kind);
        try
        {
            var result = job.Candidates is { } count
                ? await WriteBestOfNAsync(job, count, stream, format, cancellationToken)
                : await WriteDirectAsync(job, stream, format, cancellationToken);
            if (job.Request.IncludeUsage)
            {
                await stream.DataAsync(format.UsageOnly(job, AnswerFormat.UsageOf(job, result.Answers.Select(i => result.Candidates[i]))));
            }

            await stream.DoneAsync();
            return result;
        }
        catch (Exception exception) when (response.HasStarted && !cancellationToken.IsCancellationRequested)
        {
            await stream.DataAsync(ApiErrors.Describe(exception, _rules).ToJson());
            throw;
        }
    }

    private async Task<GenerationResult> WriteDirectAsync(
        GenerationJob job, EventStream stream, AnswerFormat format, CancellationToken cancellationToken)
    {
        var answers = new List<Candidate>();
        var opened = false;
        await foreach (var (index, token) in direct.Stream(job, cancellationToken))
        {
            if (!opened)
            {
                await OpenAsync(job, stream, format);
                opened = true;
            }

            if (token.Text.Length > 0)
            {
                await stream.DataAsync(format.Text(job, index, token.Text));
            }

            if (token.Finished is { } candidate)
            {
                await stream.DataAsync(format.Closing(job, index, candidate, report: null));
                answers.Add(candidate with { Index = index });         // each of the streams counts from 0
            }
        }

        return new GenerationResult(answers, [.. Enumerable.Range(0, answers.Count)], Ranking: null);
    }

    private async Task<GenerationResult> WriteBestOfNAsync(
        GenerationJob job, int count, EventStream stream, AnswerFormat format, CancellationToken cancellationToken)
    {
        var result = await PingUntilDoneAsync(bestOfN.GenerateAsync(job, count, cancellationToken), stream, cancellationToken);
        Candidate[] answers = [.. result.Answers.Select(i => result.Candidates[i])];
        await OpenAsync(job, stream, format);
        for (var index = 0; index < answers.Length; index++)
        {
            if (answers[index].Text.Length > 0)
            {
                await stream.DataAsync(format.Text(job, index, answers[index].Text));
            }

            var isLast = index == answers.Length - 1;
            await stream.DataAsync(format.Closing(job, index, answers[index], isLast ? AnswerFormat.Report(job, result) : null));
        }

        return result;
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

    private static async Task OpenAsync(GenerationJob job, EventStream stream, AnswerFormat format)
    {
        for (var index = 0; index < job.Request.Answers; index++)
        {
            if (format.Opening(job, index) is { } opening)
            {
                await stream.DataAsync(opening);
            }
        }
    }
}
