namespace Serving.Models;

/// <summary>A use of one value of a <see cref="Swappable{T}"/>; dispose it when done. Disposing again does nothing. Thread-safe.</summary>
public sealed class Lease<T> : IDisposable
    where T : class, IDisposable
{
    private Counted<T>? _counted;

    internal Lease(Counted<T> counted) => _counted = counted;

    /// <exception cref="ObjectDisposedException">The lease has ended.</exception>
    public T Value => Volatile.Read(ref _counted)?.Value ?? throw new ObjectDisposedException(nameof(Lease<>));

    public void Dispose() => Interlocked.Exchange(ref _counted, null)?.Release();
}
