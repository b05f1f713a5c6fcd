using System.Runtime.CompilerServices;

namespace Serving.Inference;

/// <summary>
/// Owns one engine thread that runs plan, reserve, run, sample, commit for every sequence of one policy version.
/// All methods are thread-safe; cancelling frees the slot at the next step.
/// </summary>
public sealed class PolicyEngine : IDisposable
{
    private readonly IDecoder _decoder;
    private readonly AdmissionQueue _queue;
    private readonly EngineLoop _loop;
    private readonly Thread _thread;
    private readonly TimeProvider _time;
    private int _disposed;

    /// <param name="decoder">The model; owned from here on.</param>
    /// <param name="options">Limits.</param>
    /// <param name="endTokens">Tokens that end an answer.</param>
    /// <param name="bytesOf">What a token stands for; empty for special tokens. Called on the engine thread with any id of the vocabulary.</param>
    /// <param name="time">Clock of deadlines; the system's when none is given.</param>
    public PolicyEngine(
        IDecoder decoder, InferenceOptions options, IReadOnlyList<int> endTokens, Func<int, ReadOnlyMemory<byte>> bytesOf, TimeProvider? time = null)
    {
        _decoder = decoder;
        _time = time ?? TimeProvider.System;
        QueueLimit = options.QueueLimit;
        _queue = new AdmissionQueue(options.QueueLimit);
        _loop = new EngineLoop(decoder, _queue, options, [.. endTokens], bytesOf);
        _thread = new Thread(_loop.Run) { IsBackground = true, Name = "policy engine" };
        _thread.Start();
    }

    /// <summary>False once the engine thread has failed: every request is then refused, and the policy must be loaded again.</summary>
    public bool Healthy => _loop.Healthy;

    /// <summary>Candidates that may wait for a row; requests beyond it are refused.</summary>
    public int QueueLimit { get; }

    /// <summary>Counters of this engine at this moment.</summary>
    public EngineStatistics Statistics => _loop.Statistics;

    /// <summary>Longest prompt and answer together, in tokens.</summary>
    public int ContextLength => _decoder.ContextLength;

    /// <summary>Samples N candidates from one prefill; returns when all have finished, ordered by index.</summary>
    /// <param name="request">Prompt and sampling.</param>
    /// <param name="finished">
    /// Called on a pool thread as each candidate finishes, so scoring can begin; may be null. All calls have returned when the task completes;
    /// an exception fails the request.
    /// </param>
    /// <param name="cancellationToken">Abandons the whole group.</param>
    /// <exception cref="InvalidRequestException">The prompt is empty, too long or holds an unknown id.</exception>
    /// <exception cref="OverloadedException">The admission queue is full.</exception>
    /// <exception cref="DeadlineExceededException">The request's deadline has passed.</exception>
    /// <exception cref="InferenceFailedException">The model gave no usable logits, or the engine has stopped.</exception>
    public Task<Candidate[]> SampleAsync(SampleRequest request, Action<Candidate>? finished, CancellationToken cancellationToken) =>
        Submit(request, finished, streams: false, cancellationToken).Completion;

    /// <summary>Streams one candidate (request.Candidates = 1). Validates at the call, before the first MoveNextAsync.</summary>
    /// <exception cref="InvalidRequestException">The prompt is empty, too long or holds an unknown id, or more than one candidate is asked for.</exception>
    /// <exception cref="OverloadedException">The admission queue is full.</exception>
    public IAsyncEnumerable<TokenEvent> StreamAsync(SampleRequest request, CancellationToken cancellationToken)
    {
        if (request.Candidates != 1)
        {
            throw new InvalidRequestException($"A stream has one candidate, not {request.Candidates}.", "n");
        }

        // The reader owns the source: whoever stops reading ends the sampling.
        var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        return ReadAsync(Submit(request, null, streams: true, abandon.Token), abandon, cancellationToken);
    }

    /// <summary>log p of each token of <paramref name="continuation"/> under the model (raw logits, temperature 1), given all before it.</summary>
    /// <exception cref="InvalidRequestException">Either part is empty, holds an unknown id, or both together exceed the context.</exception>
    /// <exception cref="OverloadedException">The admission queue is full.</exception>
    public async Task<float[]> ScoreTokensAsync(int[] prompt, int[] continuation, CancellationToken cancellationToken) =>
        (await ScoreTokensAsync(prompt, continuation, topLogProbs: 0, cancellationToken)).LogProbs;

    /// <summary>The same, and for each position its most probable tokens, this many.</summary>
    /// <exception cref="InvalidRequestException">Either part is empty, holds an unknown id, or both together exceed the context.</exception>
    /// <exception cref="OverloadedException">The admission queue is full.</exception>
    public Task<ContinuationLogProbs> ScoreTokensAsync(int[] prompt, int[] continuation, int topLogProbs, CancellationToken cancellationToken)
    {
        RequestRules.CheckContinuation(prompt, continuation, _decoder);
        var score = new ContinuationScore(prompt, continuation, topLogProbs);
        Enqueue(score, cancellationToken);
        return score.Completion;
    }

    /// <summary>Fails what is in flight, ends the thread and releases the model. Returns when that is done.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _queue.Close(new InferenceFailedException("The policy was unloaded; send the request again."));
        _thread.Join();
        _loop.Dispose();
        _decoder.Dispose();
    }

    private static async IAsyncEnumerable<TokenEvent> ReadAsync(
        CandidateGroup group, CancellationTokenSource abandon, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using (abandon)
        {
            try
            {
                await foreach (var step in group.Events.ReadAllAsync(cancellationToken))
                {
                    yield return step;
                }
            }
            finally
            {
                await abandon.CancelAsync();
            }
        }
    }

    private CandidateGroup Submit(SampleRequest request, Action<Candidate>? finished, bool streams, CancellationToken cancellationToken)
    {
        RequestRules.Check(request, _decoder);
        var limit = Math.Min(request.Sampling.MaxTokens, _decoder.ContextLength - request.Prompt.Length);
        var group = new CandidateGroup(request, limit, finished, streams);
        if (request.Deadline is { } deadline)
        {
            group.EndAfter(_queue, deadline, _time);
        }

        Enqueue(group, cancellationToken);
        return group;
    }

    private void Enqueue(EngineRequest request, CancellationToken cancellationToken)
    {
        request.Watch(_queue, cancellationToken);
        if (request.Closed)
        {
            return;      // cancelled before it began
        }

        try
        {
            _queue.Add(request);
        }
        catch (Exception e)
        {
            request.Fail(e);     // lets go of the token; the caller never sees the request
            throw;
        }
    }
}
