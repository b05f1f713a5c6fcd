namespace Serving.Inference;

/// <summary>Asks for log p of each token of a continuation, given all that stand before it.</summary>
/// <param name="prompt">At least one token.</param>
/// <param name="continuation">At least one token; the last one is predicted but need not be run.</param>
/// <param name="topLogProbs">How many of the most probable tokens to report for each position; 0 = none.</param>
internal sealed class ContinuationScore(int[] prompt, int[] continuation, int topLogProbs)
    : EngineRequest([.. prompt, .. continuation[..^1]], prompt.Length - 1, places: 1)
{
    private readonly TaskCompletionSource<ContinuationLogProbs> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly float[] _logProbs = new float[continuation.Length];
    private readonly TokenLogProb[][] _best = new TokenLogProb[topLogProbs > 0 ? continuation.Length : 0][];

    public Task<ContinuationLogProbs> Completion => _completion.Task;

    /// <summary>Takes logits [rows, V] of the positions from <paramref name="start"/> on; false when they are not finite.</summary>
    public bool TryTake(ReadOnlySpan<float> logits, int rows, int start, Sampler sampler)
    {
        var first = start - FirstLogits;
        if (!sampler.TryLogProbs(logits, continuation.AsSpan(first, rows), _logProbs.AsSpan(first, rows)))
        {
            return false;
        }

        var vocabulary = sampler.VocabularySize;
        for (var i = 0; i < rows && topLogProbs > 0; i++)
        {
            _best[first + i] = sampler.Top(logits.Slice(i * vocabulary, vocabulary), topLogProbs);
        }

        return true;
    }

    public void Complete()
    {
        Detach();
        _completion.TrySetResult(new ContinuationLogProbs(_logProbs, _best));
    }

    protected override bool Finished => _completion.Task.IsCompleted;

    protected override void OnCanceled(CancellationToken cancellationToken) => _completion.TrySetCanceled(cancellationToken);

    protected override void OnFailed(Exception reason) => _completion.TrySetException(reason);
}
