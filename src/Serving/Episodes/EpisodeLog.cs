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
    /// <summary>A crash leaves one shard, and a start without an append none; more would only cost time.</summary>
    private const int ShardsRemembered = 2;

    private readonly FrameLog? _frames;
    private long _count;
    private readonly RecentTimes _ids = new();
    private readonly RecentTimes _requests = new();

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
            var earlier = CloseEarlier(options.Root, logger, disk);
            _frames = new FrameLog(new DatasetFolder(options.Root), options.ShardBytes, new FrameLogCounts(Written, EpisodeTelemetry.Failed), logger, disk);
            _count = earlier + _frames.RecordsBefore;
            Remember(new DatasetFolder(options.Root));
        }
    }

    /// <summary>Episodes that lie in the log, those of earlier versions of its schema too; 0 where none are written.</summary>
    public long Count => Interlocked.Read(ref _count);

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
        try
        {
            await _frames.AppendAsync(EpisodeEncoder.Encode(episode), cancellationToken);
        }
        catch (Exception exception)
        {
            Telemetry.Fail(span, exception is OperationCanceledException ? "cancelled" : "episode_log_failed");
            throw;
        }

        Remember(episode.Id, episode.RequestDigest, episode.Created);
        EpisodeTelemetry.Appended(begun);
    }

    /// <summary>Whether this process has lately written an episode of this id; false says nothing of older ones (<see cref="EpisodeLookup"/>).</summary>
    internal bool HasLately(string id) => _ids.Of(id) is not null;

    /// <summary>When the last episode of a request known by this digest was made, by this process or shortly before it began; null = none is known.</summary>
    public DateTimeOffset? LastOf(string requestDigest) => _requests.Of(requestDigest);

    /// <summary>Writes what is queued, closes the live shard, so that the dataset is complete for any reader, and releases the folder.</summary>
    public ValueTask DisposeAsync() => _frames?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Written(int episodes)
    {
        EpisodeTelemetry.Written(episodes);
        Interlocked.Add(ref _count, episodes);
    }

    /// <summary>
    /// A writer of an earlier version may have been killed: its shards are counted and listed, so that the folder is whole for any reader. Returns the episodes in them.
    /// </summary>
    private static long CloseEarlier(string root, ILogger logger, DiskCalls disk)
    {
        var episodes = 0L;
        foreach (var folder in DatasetForm.EarlierEpisodes.Select(form => new DatasetFolder(root, form)).Where(folder => Directory.Exists(folder.FullPath)))
        {
            using var writer = new WriterLock(folder.FullPath);
            episodes += new ShardRecovery(folder, disk, logger).Run().ShardLengths.Sum();
        }

        return episodes;
    }

    /// <summary>What was written last before this process began, so that a request which comes again after a crash is known.</summary>
    private void Remember(DatasetFolder folder)
    {
        foreach (var shard in folder.Shards().TakeLast(ShardsRemembered))
        {
            foreach (var (id, request, created) in ShardIndex.Read(folder.ShardPath(shard)))
            {
                Remember(id, request, created);
            }
        }
    }

    private void Remember(string id, string request, DateTimeOffset created)
    {
        _ids.Add(id, created);
        if (request.Length > 0)
        {
            _requests.Add(request, created);
        }
    }
}
