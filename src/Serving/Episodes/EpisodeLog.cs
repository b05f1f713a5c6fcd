using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Episodes;

/// <summary>
/// Appends episodes to the live shard of an RLDS dataset: one writer task, group commit (one fsync for all that wait). Thread-safe.
/// Owns the folder's writer lock from construction to disposal. On start it repairs what a killed writer left; each run begins a new shard.
/// </summary>
/// <remarks>Format and guarantees: docs/formats.md, section Episodes.</remarks>
public sealed partial class EpisodeLog : IAsyncDisposable
{
    /// <summary>Appends that may wait for the writer; the next ones wait for room.</summary>
    private const int QueueCapacity = 1024;

    /// <summary>Most bytes of one group: bounds the time to its fsync.</summary>
    private const long GroupBytes = 16 << 20;

    private readonly EpisodeOptions _options;
    private readonly ILogger _logger;
    private readonly DiskCalls _disk;
    private readonly DatasetFolder _folder;
    private readonly WriterLock? _lock;
    private readonly Task _writer = Task.CompletedTask;
    private readonly Channel<PendingAppend> _queue = Channel.CreateBounded<PendingAppend>(
        new BoundedChannelOptions(QueueCapacity) { SingleReader = true });

    // The writer task's own from here on.
    private DatasetInfo _info = DatasetInfo.Empty;
    private ShardWriter? _shard;
    private int _nextShard;
    private long _failedAppends;

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
        (_options, _logger, _disk) = (options, logger, disk);
        _folder = new DatasetFolder(options.Root);
        if (!options.Enabled)
        {
            return;
        }

        DurableFile.CreateFolder(_folder.FullPath);
        _lock = new WriterLock(_folder.FullPath);
        try
        {
            DatasetDescription.Ensure(_folder);
            _info = new ShardRecovery(_folder, disk, logger).Run();
            _nextShard = _info.ShardLengths.Count;
        }
        catch
        {
            _lock.Dispose();
            throw;
        }

        _writer = Task.Run(WriteAsync);
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
        if (!_options.Enabled)
        {
            return;
        }

        using var span = Telemetry.Begin("log");
        var begun = Stopwatch.GetTimestamp();
        var pending = new PendingAppend(EpisodeEncoder.Encode(episode));
        try
        {
            await _queue.Writer.WriteAsync(pending, cancellationToken);
        }
        catch (ChannelClosedException e)
        {
            pending.Frame.Return();
            throw new ObjectDisposedException(nameof(EpisodeLog), e);
        }
        catch (OperationCanceledException)
        {
            pending.Frame.Return();
            throw;
        }

        await pending.Durable.Task.WaitAsync(cancellationToken);
        EpisodeTelemetry.Appended(begun);
    }

    /// <summary>Writes what is queued, closes the live shard, so that the dataset is complete for any reader, and releases the folder.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writer;
        _lock?.Dispose();
    }

    private async Task WriteAsync()
    {
        var group = new List<PendingAppend>();
        var queue = _queue.Reader;
        while (await queue.WaitToReadAsync())
        {
            // A group never carries a shard past its size by more than one record.
            var room = Math.Min(GroupBytes, _options.ShardBytes - (_shard?.Length ?? 0));
            while (room > 0 && queue.TryRead(out var pending))
            {
                group.Add(pending);
                room -= pending.Frame.Length;
            }

            Commit(group);
            group.Clear();
        }

        CloseShard();
    }

    private void Commit(List<PendingAppend> group)
    {
        try
        {
            if (_shard is { Doubtful: true })
            {
                RepairAndClose();
            }

            _shard ??= OpenShard();
            _shard.Append(group.ConvertAll(pending => pending.Frame));
        }
        catch (Exception e)
        {
            Fail(group, e);
            return;
        }

        Complete(group);
        if (_shard.Length >= _options.ShardBytes)
        {
            CloseShard();
        }
    }

    private ShardWriter OpenShard()
    {
        var shard = new ShardWriter(_folder.ShardPath(_nextShard), _disk);
        _nextShard++;
        return shard;
    }

    private void Complete(List<PendingAppend> group)
    {
        EpisodeTelemetry.Written(group.Count);       // before any caller knows, so that nobody counts fewer than were promised
        foreach (var pending in group)
        {
            pending.Frame.Return();
            pending.Durable.SetResult();
        }

        if (_failedAppends > 0)
        {
            Log.WritingAgain(_logger, _folder.FullPath, _failedAppends);
            _failedAppends = 0;
        }
    }

    private void Fail(List<PendingAppend> group, Exception e)
    {
        var path = _shard?.Path ?? _folder.ShardPath(_nextShard);
        if (_failedAppends == 0)
        {
            Log.CannotWrite(_logger, path, e);      // once until it works again: the callers get every failure
        }

        _failedAppends += group.Count;
        EpisodeTelemetry.Failed(group.Count);
        foreach (var pending in group)
        {
            pending.Frame.Return();
            pending.Durable.SetException(new EpisodeLogException($"The episode could not be stored in '{path}': {e.Message}", e));
        }

        try
        {
            RepairAndClose();
        }
        catch (Exception repair)
        {
            // Tried again before the next append; no record is written behind the damage.
            Log.CannotRepair(_logger, path, repair);
        }
    }

    private void RepairAndClose()
    {
        _shard?.Repair();
        if (_shard is { Doubtful: true })
        {
            CloseShard();
        }
    }

    /// <summary>The shard is finished: its file stays as it is, and dataset_info.json lists it from now on.</summary>
    private void CloseShard()
    {
        if (_shard is null)
        {
            return;
        }

        try
        {
            _shard.Repair();
            _info = _info.With(_shard.Records, _shard.PayloadBytes);
            _info.Write(_folder);
        }
        catch (Exception e)
        {
            // The episodes are safe. The next shard's close lists this one too, and so does recovery at the next start.
            Log.CannotList(_logger, _folder.InfoPath, e);
        }

        _shard.Dispose();
        _shard = null;
    }

    /// <summary>One append on its way: its frame, and the promise to its caller.</summary>
    private sealed class PendingAppend(EncodedFrame frame)
    {
        public EncodedFrame Frame { get; } = frame;

        public TaskCompletionSource Durable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(5010, LogLevel.Error, "Episodes cannot be written to {Shard}. Every append fails until this is mended.")]
        public static partial void CannotWrite(ILogger logger, string shard, Exception exception);

        [LoggerMessage(5011, LogLevel.Warning, "Episodes are written to {Folder} again; {Failed} appends had failed.")]
        public static partial void WritingAgain(ILogger logger, string folder, long failed);

        [LoggerMessage(5012, LogLevel.Error, "Episode shard {Shard} holds the rest of a failed append and cannot be cut now; retried before the next.")]
        public static partial void CannotRepair(ILogger logger, string shard, Exception exception);

        [LoggerMessage(5013, LogLevel.Error, "{Info} cannot be brought up to date; its shards are listed at the next occasion.")]
        public static partial void CannotList(ILogger logger, string info, Exception exception);
    }
}
