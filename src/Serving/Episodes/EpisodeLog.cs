namespace Serving.Episodes;

/// <summary>
/// Appends episodes to the live shard of an RLDS dataset: one writer task, group commit (one fsync for all that wait). Thread-safe.
/// On start it repairs a torn tail and recounts the open shard.
/// </summary>
public sealed class EpisodeLog : IAsyncDisposable
{
    public EpisodeLog(EpisodeOptions options) => throw new NotImplementedException();

    /// <summary>Completes when the episode is durable (written and fsynced).</summary>
    public Task AppendAsync(Episode episode, CancellationToken cancellationToken) => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
