namespace Serving.Inference;

/// <summary>Asks for log p of each token of a continuation, given all that stand before it.</summary>
/// <param name="prompt">At least one token.</param>
/// <param name="continuation">At least one token; the last one is predicted but need not be run.</param>
internal sealed class ContinuationScore(int[] prompt, int[] continuation)
    : EngineRequest([.. prompt, .. continuation[..^1]], prompt.Length - 1, places: 1)
{
    private readonly TaskCompletionSource<float[]> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly float[] _logProbs = new float[continuation.Length];

    public Task<float[]> Completion => _completion.Task;

    /// <summary>Takes logits [rows, V] of the positions from <paramref name="start"/> on; false when they are not finite.</summary>
    public bool TryTake(ReadOnlySpan<float> logits, int rows, int start, Sampler sampler)
    {
        var first = start - FirstLogits;
        return sampler.TryLogProbs(logits, continuation.AsSpan(first, rows), _logProbs.AsSpan(first, rows));
    }

    public void Complete()
    {
        Detach();
        _completion.TrySetResult(_logProbs);
    }

    protected override bool Finished => _completion.Task.IsCompleted;

    protected override void OnCanceled(CancellationToken cancellationToken) => _completion.TrySetCanceled(cancellationToken);

    protected override void OnFailed(Exception reason) => _completion.TrySetException(reason);
}
