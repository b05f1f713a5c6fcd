namespace Serving.Models;

/// <summary>
/// Holds the current value of something that is replaced whole while others use it. <see cref="Acquire"/> leases the current value;
/// <see cref="Commit"/> makes another current by one atomic exchange and disposes the old one when its last lease ends. Owns its values: each is
/// disposed exactly once, on the thread that gives up its last use. Thread-safe and free of locks; T's Dispose must not throw.
/// </summary>
public sealed class Swappable<T> : IDisposable
    where T : class, IDisposable
{
    private readonly SwapCount _count = new();
    private Counted<T>? _current;
    private int _disposed;

    /// <summary>Holds nothing until the first <see cref="Commit"/>.</summary>
    public Swappable()
    {
    }

    public Swappable(T initial) => _current = new Counted<T>(initial, _count);

    /// <summary>False until the first commit and after <see cref="Dispose"/>.</summary>
    public bool HasValue => Volatile.Read(ref _current) is not null;

    /// <summary>
    /// The value that new leases get. It may be disposed at any moment after it was replaced: lease it to use more than its immutable
    /// parts.
    /// </summary>
    /// <exception cref="InvalidOperationException">Nothing was committed yet.</exception>
    /// <exception cref="ObjectDisposedException">This holder was disposed.</exception>
    public T Current => (Volatile.Read(ref _current) ?? throw Empty()).Value;

    /// <summary>Values that are still alive, the current one included.</summary>
    public int Resident => _count.Resident;

    /// <summary>Leases the current value: it stays alive until the lease is disposed.</summary>
    /// <exception cref="InvalidOperationException">Nothing was committed yet.</exception>
    /// <exception cref="ObjectDisposedException">This holder was disposed.</exception>
    public Lease<T> Acquire() => TryAcquire() ?? throw Empty();

    /// <summary>Leases the current value, or null when there is none (yet, or any more).</summary>
    public Lease<T>? TryAcquire()
    {
        while (Volatile.Read(ref _current) is { } current)
        {
            if (current.TryAddUse())
            {
                return new Lease<T>(current);
            }

            // The value was replaced and drained between the read and the count: by now another one is current.
        }

        return null;
    }

    /// <summary>
    /// Makes <paramref name="next"/> current. Cannot fail. Returns when the write is done; the old value drains by itself.
    /// </summary>
    public void Commit(T next)
    {
        ArgumentNullException.ThrowIfNull(next);
        Interlocked.Exchange(ref _current, new Counted<T>(next, _count))?.Release();
        if (Volatile.Read(ref _disposed) != 0)
        {
            Interlocked.Exchange(ref _current, null)?.Release();      // disposed meanwhile: the late value must not outlive us
        }
    }

    /// <summary>
    /// Gives the current value up without waiting: leases that are still out keep it alive until they end. No lease is given afterwards.
    /// </summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, 1);
        Interlocked.Exchange(ref _current, null)?.Release();
    }

    private Exception Empty() => Volatile.Read(ref _disposed) != 0
        ? new ObjectDisposedException(nameof(Swappable<>))
        : new InvalidOperationException("Nothing has been committed yet.");
}

/// <summary>A value with the number of its users, being current counted as one; the last to leave disposes it.</summary>
internal sealed class Counted<T>
    where T : class, IDisposable
{
    private readonly SwapCount _count;
    private int _uses = 1;

    public Counted(T value, SwapCount count)
    {
        Value = value;
        _count = count;
        count.Add(1);
    }

    public T Value { get; }

    /// <summary>False once the count has been zero: a value that drained stays drained.</summary>
    public bool TryAddUse()
    {
        var uses = Volatile.Read(ref _uses);
        while (uses > 0)
        {
            var found = Interlocked.CompareExchange(ref _uses, uses + 1, uses);
            if (found == uses)
            {
                return true;
            }

            uses = found;
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _uses) == 0)
        {
            try
            {
                Value.Dispose();
            }
            finally
            {
                _count.Add(-1);
            }
        }
    }
}

/// <summary>How many values of one <see cref="Swappable{T}"/> are alive.</summary>
internal sealed class SwapCount
{
    private int _resident;

    public int Resident => Volatile.Read(ref _resident);

    public void Add(int change) => Interlocked.Add(ref _resident, change);
}
