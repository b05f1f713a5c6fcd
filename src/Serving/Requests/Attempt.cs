namespace Serving.Requests;

/// <summary>
/// One turn of a request that may come again: either its earlier answer, or the right to work on it. Whoever works calls <see cref="Complete"/> once the
/// answer is whole, before it goes out; disposal without that says that there is none, and the next attempt works anew.
/// </summary>
public sealed class Attempt : IDisposable
{
    private readonly Action<Attempt, RememberedAnswer?> _ended;
    private readonly TaskCompletionSource<RememberedAnswer?> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isOver;

    internal Attempt(RequestIdentity identity, Action<Attempt, RememberedAnswer?> ended, RememberedAnswer? earlier = null)
    {
        (Identity, _ended, Earlier) = (identity, ended, earlier);
        _isOver = earlier is null ? 0 : 1;
    }

    public RequestIdentity Identity { get; }

    /// <summary>No other attempt is remembered: after a restart, or when it was forgotten, an earlier one may have left an episode all the same.</summary>
    public bool IsFirst { get; internal init; }

    /// <summary>The answer to give again; null = work.</summary>
    public RememberedAnswer? Earlier { get; }

    /// <summary>What came of the work; null = no answer.</summary>
    internal Task<RememberedAnswer?> Outcome => _outcome.Task;

    /// <summary>Whoever sends this request again gets this answer, also if nobody is there any more to take it now.</summary>
    public void Complete(RememberedAnswer answer) => End(answer);

    public void Dispose() => End(null);

    private void End(RememberedAnswer? answer)
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            _ended(this, answer);
            _outcome.SetResult(answer);
        }
    }
}
