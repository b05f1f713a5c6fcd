namespace Serving.Inference;

/// <summary>Something that waits for the engine: tokens to run as a prompt, and what to do with their logits.</summary>
internal abstract class EngineRequest
{
    private CancellationTokenRegistration _registration;
    private ITimer? _deadline;
    private volatile bool _closed;

    /// <param name="tokens">What to prefill.</param>
    /// <param name="firstLogits">First position whose logits are wanted; all positions after it are, too.</param>
    /// <param name="places">How much of the admission limit it takes.</param>
    protected EngineRequest(int[] tokens, int firstLogits, int places)
    {
        Tokens = tokens;
        FirstLogits = firstLogits;
        Places = places;
    }

    public int[] Tokens { get; }

    public int FirstLogits { get; }

    /// <summary>How many of its tokens the prefix cache gave. Engine thread only.</summary>
    public int CachedTokens { get; set; }

    /// <summary>Candidates that still wait for a row. Engine thread only, once queued.</summary>
    public int Places { get; set; }

    /// <summary>Over for its caller, by cancellation or failure: whatever it holds is to be freed at the next step. Any thread.</summary>
    public bool Closed => _closed;

    /// <summary>Ends the request when <paramref name="cancellationToken"/> does. Call before it is queued.</summary>
    public void Watch(AdmissionQueue queue, CancellationToken cancellationToken) =>
        _registration = cancellationToken.UnsafeRegister(
            (_, token) =>
            {
                _closed = true;
                OnCanceled(token);
                queue.NoteCancellation();
            },
            null);

    /// <summary>Fails the request when a time has passed. Call before it is queued.</summary>
    public void EndAfter(AdmissionQueue queue, TimeSpan deadline, TimeProvider time) =>
        _deadline = time.CreateTimer(
            _ =>
            {
                if (!_closed && !Finished)
                {
                    Fail(new DeadlineExceededException(deadline));
                    queue.NoteCancellation();
                }
            },
            null,
            deadline,
            Timeout.InfiniteTimeSpan);

    /// <summary>Ends the request with an error. Any thread.</summary>
    public void Fail(Exception reason)
    {
        _closed = true;
        Detach();
        OnFailed(reason);
    }

    /// <summary>The request no longer listens to its cancellation token.</summary>
    protected void Detach()
    {
        _registration.Unregister();
        _deadline?.Dispose();
    }

    /// <summary>Whether the caller has its answer.</summary>
    protected abstract bool Finished { get; }

    protected abstract void OnCanceled(CancellationToken cancellationToken);

    protected abstract void OnFailed(Exception reason);
}
