using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Episodes;

/// <summary>
/// Appends episodes to the live shard of an RLDS dataset, durably (<see cref="FrameLog"/>). Thread-safe. Owns the folder from construction to disposal.
/// </summary>
/// <remarks>Format and guarantees: docs/formats.md, section Episodes.</remarks>
public sealed class EpisodeLog : IAsyncDisposable
{
    private readonly FrameLog? _frames;
    private readonly RecentIds _recent = new();

    /// <summary>A log for tools and tests, without log messages.</summary>
    public EpisodeLog(EpisodeOptions options)
        : this(options, NullLogger<EpisodeLog>.Instance, DiskCalls.Real)
    {
    }

    /// <exception cref="EpisodeLogException">Another process writes to this folder.</exception>
    /// <exception cref="InvalidDataException">The folder holds another dataset, or a shard is missing.</exception>
    public EpisodeLog(IOptions<EpisodeOptions> options, ILogger<EpisodeLog> logger)
        : this(options.Value, logger, DiskCalls.Real)
    {
    }

    internal EpisodeLog(EpisodeOptions options, ILogger logger, DiskCalls disk)
    {
        if (options.Enabled)
        {
            _frames = new FrameLog(
                new DatasetFolder(options.Root), options.ShardBytes, new FrameLogCounts(EpisodeTelemetry.Written, EpisodeTelemetry.Failed), logger, disk);
        }
    }

    /// <summary>
    /// Completes when the episode is durable (written and fsynced). Serialises and compresses on the caller's thread.
    /// Cancelling ends the wait only: an episode that is already queued is still written.
    /// </summary>
    /// <exception cref="ArgumentException">The episode breaks a rule of its type.</exception>
    /// <exception cref="EpisodeLogException">It could not be written. The log is as it was before; a later append may succeed.</exception>
    /// <exception cref="ObjectDisposedException">The log is closed.</exception>
    public async Task AppendAsync(Episode episode, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        cancellationToken.ThrowIfCancellationRequested();
        if (_frames is null)
        {
            return;
        }

        using var span = Telemetry.Begin("log");
        var begun = Stopwatch.GetTimestamp();
        await _frames.AppendAsync(EpisodeEncoder.Encode(episode), cancellationToken);
        _recent.Add(episode.Id);
        EpisodeTelemetry.Appended(begun);
    }

    /// <summary>Whether this process has lately written an episode of this id; false says nothing of older ones (<see cref="EpisodeLookup"/>).</summary>
    internal bool HasLately(string id) => _recent.Contains(id);

    /// <summary>Writes what is queued, closes the live shard, so that the dataset is complete for any reader, and releases the folder.</summary>
    public ValueTask DisposeAsync() => _frames?.DisposeAsync() ?? ValueTask.CompletedTask;
}
