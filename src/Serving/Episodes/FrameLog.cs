using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Serving.Episodes;

/// <summary>
/// Appends records to the live shard of a dataset: one writer thread, group commit (one fsync for all that wait). Thread-safe. Owns the folder's writer lock
/// from construction to disposal. On start it repairs what a killed writer left; each run begins a new shard.
/// </summary>
/// <remarks>Format and guarantees: docs/formats.md, section Episodes.</remarks>
internal sealed partial class FrameLog : IAsyncDisposable
{
    /// <summary>Appends that may wait for the writer; the next ones wait for room.</summary>
    private const int QueueCapacity = 1024;

    /// <summary>Most bytes of one group: bounds the time to its fsync.</summary>
    private const long GroupBytes = 16 << 20;

    private readonly ILogger _logger;
    private readonly DiskCalls _disk;
    private readonly DatasetFolder _folder;
    private readonly long _shardBytes;
    private readonly FrameLogCounts _counts;
    private readonly WriterLock _lock;
    private readonly Task _writer;
    private readonly Channel<PendingAppend> _queue = Channel.CreateBounded<PendingAppend>(
        new BoundedChannelOptions(QueueCapacity) { SingleReader = true, AllowSynchronousContinuations = true });   // all they do is wake the writer

    // The writer's own from here on.
    private DatasetInfo _info = DatasetInfo.Empty;
    private ShardWriter? _shard;
    private int _nextShard;
    private long _failedAppends;

    /// <param name="folder">The dataset; made when there is none.</param>
    /// <param name="shardBytes">A shard is closed at this many bytes.</param>
    /// <param name="counts">Told of every group before its callers are.</param>
    /// <param name="logger">For failures.</param>
    /// <param name="disk">How shards are written.</param>
    /// <exception cref="EpisodeLogException">Another process writes to this folder.</exception>
    /// <exception cref="InvalidDataException">The folder holds another dataset, or a shard is missing.</exception>
    public FrameLog(DatasetFolder folder, long shardBytes, FrameLogCounts counts, ILogger logger, DiskCalls disk)
    {
        (_folder, _shardBytes, _counts, _logger, _disk) = (folder, shardBytes, counts, logger, disk);
        DurableFile.CreateFolder(_folder.FullPath);
        _lock = new WriterLock(_folder.FullPath);
        try
        {
            DatasetDescription.Ensure(_folder);
            _info = new ShardRecovery(_folder, disk, logger).Run();
            _nextShard = _info.ShardLengths.Count;
            RecordsBefore = _info.ShardLengths.Sum();
        }
        catch
        {
            _lock.Dispose();
            throw;
        }

        // A thread of its own: it waits for the disk most of the time, and the pool of a small machine has few to spare.
        _writer = Task.Factory.StartNew(Write, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Records that lay in the dataset when this log was opened.</summary>
    public long RecordsBefore { get; }

    /// <summary>
    /// Completes when the record is durable (written and fsynced). Takes the frame over. Cancelling ends the wait only: a record that is already queued is
    /// still written.
    /// </summary>
    /// <exception cref="EpisodeLogException">It could not be written. The log is as it was before; a later append may succeed.</exception>
    /// <exception cref="ObjectDisposedException">The log is closed.</exception>
    public async Task AppendAsync(EncodedFrame frame, CancellationToken cancellationToken)
    {
        var pending = new PendingAppend(frame);
        try
        {
            await _queue.Writer.WriteAsync(pending, cancellationToken);
        }
        catch (ChannelClosedException e)
        {
            frame.Return();
            throw new ObjectDisposedException($"The log in '{_folder.FullPath}' is closed.", e);
        }
        catch (OperationCanceledException)
        {
            frame.Return();
            throw;
        }

        await pending.Durable.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Writes what is queued, closes the live shard, so that the dataset is complete for any reader, and releases the folder.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writer;
        _lock.Dispose();
    }

    private void Write()
    {
        var group = new List<PendingAppend>();
        var queue = _queue.Reader;
        while (queue.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            // A group never carries a shard past its size by more than one record.
            var room = Math.Min(GroupBytes, _shardBytes - (_shard?.Length ?? 0));
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
        if (_shard.Length >= _shardBytes)
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
        _counts.Written(group.Count);                // before any caller knows, so that nobody counts fewer than were promised
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
        _counts.Failed(group.Count);
        foreach (var pending in group)
        {
            pending.Frame.Return();
            pending.Durable.SetException(new EpisodeLogException($"The record could not be stored in '{path}': {e.Message}", e));
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
            // The records are safe. The next shard's close lists this one too, and so does recovery at the next start.
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
        [LoggerMessage(5010, LogLevel.Error, "Records cannot be written to {Shard}. Every append fails until this is mended.")]
        public static partial void CannotWrite(ILogger logger, string shard, Exception exception);

        [LoggerMessage(5011, LogLevel.Warning, "Records are written to {Folder} again; {Failed} appends had failed.")]
        public static partial void WritingAgain(ILogger logger, string folder, long failed);

        [LoggerMessage(5012, LogLevel.Error, "Shard {Shard} holds the rest of a failed append and cannot be cut now; retried before the next.")]
        public static partial void CannotRepair(ILogger logger, string shard, Exception exception);

        [LoggerMessage(5013, LogLevel.Error, "{Info} cannot be brought up to date; its shards are listed at the next occasion.")]
        public static partial void CannotList(ILogger logger, string info, Exception exception);
    }
}

/// <summary>Who counts what a log writes: records of a group that is durable, records of one that failed.</summary>
internal readonly record struct FrameLogCounts(Action<int> Written, Action<int> Failed);
