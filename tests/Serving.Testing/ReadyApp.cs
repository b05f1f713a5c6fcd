namespace Serving.Testing;

/// <summary>A class fixture: one ready server with the tiny models for all tests of a class.</summary>
public sealed class ReadyApp : IAsyncDisposable
{
    private readonly ServingApp _app = new();

    public Task<ServingApp> AppAsync(CancellationToken cancellationToken) => _app.ReadyAsync(cancellationToken);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
