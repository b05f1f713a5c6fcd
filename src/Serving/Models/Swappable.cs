namespace Serving.Models;

/// <summary>
/// Holds the current value of something that is replaced whole while others use it. <see cref="Acquire"/> leases the current value;
/// <see cref="Commit"/> makes another current by one volatile write and disposes the old one when its last lease ends. Thread-safe.
/// </summary>
public sealed class Swappable<T> : IDisposable
    where T : class, IDisposable
{
    public Swappable(T initial) => throw new NotImplementedException();

    /// <summary>The value that new leases get.</summary>
    public T Current => throw new NotImplementedException();

    /// <summary>Leases the current value: it stays alive until the lease is disposed.</summary>
    public Lease<T> Acquire() => throw new NotImplementedException();

    /// <summary>Makes <paramref name="next"/> current. Cannot fail. Returns when the write is done; the old value drains by itself.</summary>
    public void Commit(T next) => throw new NotImplementedException();

    /// <summary>Values that are still alive, the current one included.</summary>
    public int Resident => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <summary>A use of one value of a <see cref="Swappable{T}"/>; dispose it exactly once, when done.</summary>
public sealed class Lease<T> : IDisposable
    where T : class, IDisposable
{
    public T Value => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
