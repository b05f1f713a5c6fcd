namespace Serving.Models;

/// <summary>
/// Holds the current value of something that is replaced whole while others use it, and perhaps a few values aside, which may become current in turn.
/// <see cref="Acquire"/> leases the current value; <see cref="Hold"/> and <see cref="Commit"/> change what is held by one atomic exchange and dispose
/// what is no longer held when its last lease ends. Owns its values: each is disposed exactly once, on the thread that gives up its last use.
/// Thread-safe; readers take no locks. T's Dispose must not throw.
/// </summary>
public sealed class Swappable<T> : IDisposable
    where T : class, IDisposable
{
    private readonly SwapCount _count = new();
    private readonly Lock _writing = new();                  // one writer at a time
    private HeldValues _held = HeldValues.Nothing;
    private int _disposed;

    /// <summary>Holds nothing until the first <see cref="Commit"/>.</summary>
    public Swappable()
    {
    }

    public Swappable(T initial) => Commit(initial);

    /// <summary>False until the first commit and after <see cref="Dispose"/>.</summary>
    public bool HasValue => Volatile.Read(ref _held).Current is not null;

    /// <summary>
    /// The value that new leases get. It may be disposed at any moment after it was replaced: lease it to use more than its immutable
    /// parts.
    /// </summary>
    /// <exception cref="InvalidOperationException">Nothing was committed yet.</exception>
    /// <exception cref="ObjectDisposedException">This holder was disposed.</exception>
    public T Current => (Volatile.Read(ref _held).Current ?? throw Empty()).Value;

    /// <summary>Every value that is held, the current one first; with the same caution as <see cref="Current"/>.</summary>
    public IReadOnlyList<T> Values => [.. Volatile.Read(ref _held).All.Select(counted => counted.Value)];

    /// <summary>Values that are still alive, those that only leases keep included.</summary>
    public int Resident => _count.Resident;

    /// <summary>Leases the current value: it stays alive until the lease is disposed.</summary>
    /// <exception cref="InvalidOperationException">Nothing was committed yet.</exception>
    /// <exception cref="ObjectDisposedException">This holder was disposed.</exception>
    public Lease<T> Acquire() => TryAcquire() ?? throw Empty();

    /// <summary>Leases the current value, or null when there is none (yet, or any more).</summary>
    public Lease<T>? TryAcquire()
    {
        while (Volatile.Read(ref _held).Current is { } current)
        {
            if (current.TryAddUse())
            {
                return new Lease<T>(current);
            }

            // The value was replaced and drained between the read and the count: by now another one is current.
        }

        return null;
    }

    /// <summary>Leases the first value, the current one before the others, that is wanted; null when none is.</summary>
    public Lease<T>? TryAcquire(Func<T, bool> wanted)
    {
        while (Array.Find(Volatile.Read(ref _held).All, counted => wanted(counted.Value)) is { } found)
        {
            if (found.TryAddUse())
            {
                return new Lease<T>(found);
            }
        }

        return null;
    }

    /// <summary>
    /// Makes <paramref name="next"/> current in place of the value before. Cannot fail. Returns when the write is done; the old value drains by itself.
    /// </summary>
    public void Commit(T next)
    {
        ArgumentNullException.ThrowIfNull(next);
        Replace(before => (next, [.. before.All.Where(counted => counted != before.Current).Select(counted => counted.Value)]));
    }

    /// <summary>
    /// Holds exactly these values from now on: those that it has held before stay as they are, new ones begin, all others drain. Cannot fail.
    /// </summary>
    public void Hold(T? current, IReadOnlyList<T> aside) => Replace(_ => (current, aside));

    /// <summary>
    /// Gives all values up without waiting: leases that are still out keep them alive until they end. No lease is given afterwards.
    /// </summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, 1);
        Replace(_ => (null, []));
    }

    private void Replace(Func<HeldValues, (T? Current, IReadOnlyList<T> Aside)> change)
    {
        Counted<T>[] gone;
        lock (_writing)
        {
            var before = _held;
            var (current, aside) = change(before);
            var next = new HeldValues(
                current is null ? null : Counted(before, current),
                [.. aside.Where(value => value != current).Distinct().Select(value => Counted(before, value))]);
            if (Volatile.Read(ref _disposed) == 0)
            {
                gone = [.. before.All.Except(next.All)];
            }
            else
            {
                gone = [.. before.All.Union(next.All)];              // disposed meanwhile: a late value must not outlive us
                next = HeldValues.Nothing;
            }

            Volatile.Write(ref _held, next);
        }

        // Outside the lock: disposing may wait for an engine to end its step.
        foreach (var counted in gone)
        {
            counted.Release();
        }
    }

    private Counted<T> Counted(HeldValues before, T value) =>
        Array.Find(before.All, counted => counted.Value == value) ?? new Counted<T>(value, _count);

    private Exception Empty() => Volatile.Read(ref _disposed) != 0
        ? new ObjectDisposedException(nameof(Swappable<>))
        : new InvalidOperationException("Nothing has been committed yet.");

    /// <summary>What is held at one moment: replaced as a whole.</summary>
    private sealed class HeldValues(Counted<T>? current, Counted<T>[] aside)
    {
        public static readonly HeldValues Nothing = new(null, []);

        public Counted<T>? Current { get; } = current;

        public Counted<T>[] All { get; } = current is null ? aside : [current, .. aside];
    }
}

/// <summary>A value with the number of its users, being held counted as one; the last to leave disposes it.</summary>
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
