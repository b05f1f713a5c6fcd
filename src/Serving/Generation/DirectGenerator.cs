using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Serving.Inference;

namespace Serving.Generation;

/// <summary>One step of one of the answers of a stream.</summary>
/// <param name="Index">Number of the answer, from 0.</param>
public sealed record AnswerEvent(int Index, TokenEvent Token);

/// <summary>
/// Plain samples: answer k of a request is candidate k of the group with the same seed, whether streamed or not. Thread-safe. Plain samples
/// are not logged: without scores and rivals a record teaches no objective anything.
/// </summary>
public sealed class DirectGenerator(IOptions<GenerationOptions> options, TimeProvider time)
{
    private readonly GenerationOptions _options = options.Value;

    public async Task<GenerationResult> GenerateAsync(GenerationJob job, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(_options.Deadline, time, cancellationToken);
        try
        {
            var groups = await Task.WhenAll(job.Prompts.Select(prompt => SampleAsync(job, prompt, deadline)));
            Candidate[] candidates = [.. groups.SelectMany(group => group)];
            return new GenerationResult(candidates, [.. Enumerable.Range(0, candidates.Length)], Ranking: null);
        }
        catch (Exception) when (deadline.Explain() is { } reason)
        {
            throw reason;                                              // what is caught may be an aftermath of the first failure
        }
    }

    /// <summary>
    /// Admits the request now, so that a refusal comes before the first byte of an answer; the events follow as they are read.
    /// </summary>
    public IAsyncEnumerable<AnswerEvent> Stream(GenerationJob job, CancellationToken cancellationToken)
    {
        var deadline = new Deadline(_options.Deadline, time, cancellationToken);
        try
        {
            IAsyncEnumerable<TokenEvent>[] streams = [.. Enumerable.Range(0, job.Choices).Select(i =>
            {
                var prompt = job.Prompts[i / job.Request.Answers];
                return job.Policy.Engine.StreamAsync(
                    new SampleRequest(prompt.Tokens, job.SamplingOf(prompt), 1, FirstCandidate: i % job.Request.Answers), deadline.Token);
            })];
            return Merge(streams, deadline, cancellationToken);
        }
        catch
        {
            deadline.Cancel();                                         // releases the answers that had been admitted
            deadline.Dispose();
            throw;
        }
    }

    private static async Task<Candidate[]> SampleAsync(GenerationJob job, EncodedPrompt prompt, Deadline deadline)
    {
        if (job.Request.Sampling.MaxTokens == 0)
        {
            return [.. Enumerable.Range(0, job.Request.Answers).Select(i => new Candidate(i, [], [], [], "", FinishReason.Length))];
        }

        try
        {
            return await job.Policy.Engine.SampleAsync(
                new SampleRequest(prompt.Tokens, job.SamplingOf(prompt), job.Request.Answers), finished: null, deadline.Token);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            deadline.Fail(exception);                                  // answers to half of the prompts are no answer
            throw;
        }
    }

    private static async IAsyncEnumerable<AnswerEvent> Merge(
        IAsyncEnumerable<TokenEvent>[] streams,
        Deadline deadline,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Bounded: a client that reads slowly holds its own answers back, not the server's memory.
        var events = Channel.CreateBounded<AnswerEvent>(streams.Length);
        var pumps = Task.WhenAll(streams.Select((stream, index) => PumpAsync(stream, index, events.Writer, deadline)));
        var finished = CompleteAsync(pumps, events.Writer);
        try
        {
            while (await events.Reader.WaitToReadAsync(cancellationToken))
            {
                while (events.Reader.TryRead(out var next))
                {
                    yield return next;
                }
            }
        }
        finally
        {
            deadline.Cancel();                                         // when the reader leaves early
            await finished;
            deadline.Dispose();
        }
    }

    private static async Task PumpAsync(
        IAsyncEnumerable<TokenEvent> stream, int index, ChannelWriter<AnswerEvent> writer, Deadline deadline)
    {
        try
        {
            await foreach (var token in stream.WithCancellation(deadline.Token))
            {
                await writer.WriteAsync(new AnswerEvent(index, token), deadline.Token);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            deadline.Fail(exception);                                  // half of the answers is no answer
            throw;
        }
        catch (OperationCanceledException) when (deadline.Explain() is { } reason)
        {
            throw reason;
        }
    }

    // The reader learns of a failure through the channel.
    private static async Task CompleteAsync(Task pumps, ChannelWriter<AnswerEvent> writer)
    {
        try
        {
            await pumps;
            writer.Complete();
        }
        catch (Exception exception)
        {
            writer.Complete(exception);
        }
    }
}
