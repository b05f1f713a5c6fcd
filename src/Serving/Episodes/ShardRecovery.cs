using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Serving.Episodes;

/// <summary>
/// Brings a dataset whose writer died into order: counts the shards that dataset_info.json does not list yet, cuts their torn tails and
/// lists them. Runs before writing begins, under the writer's lock.
/// </summary>
internal sealed partial class ShardRecovery(DatasetFolder folder, DiskCalls disk, ILogger logger)
{
    /// <summary>What dataset_info.json now says; every shard file is listed in it.</summary>
    /// <exception cref="InvalidDataException">A shard is missing, or dataset_info.json is not ours.</exception>
    public DatasetInfo Run()
    {
        var listed = DatasetInfo.Read(folder);
        var info = listed ?? DatasetInfo.Empty;
        foreach (var shard in folder.Shards())
        {
            if (shard < info.ShardLengths.Count)
            {
                continue;
            }

            if (shard > info.ShardLengths.Count)
            {
                throw new InvalidDataException(
                    $"Shard '{folder.ShardPath(info.ShardLengths.Count)}' is missing, but '{folder.ShardPath(shard)}' is there. "
                    + "Put it back, or move the later shards away.");
            }

            var (records, bytes) = Repair(shard);
            info = info.With(records, bytes - records * TfRecord.FramingBytes);
            Log.Recovered(logger, folder.ShardPath(shard), records);
        }

        if (info != listed)
        {
            info.Write(folder);
        }

        return info;
    }

    private (long Records, long Bytes) Repair(int shard)
    {
        var path = folder.ShardPath(shard);
        FrameState state;
        long offset;
        long records;
        long length;
        InvalidDataException? damage = null;
        using (var reader = new ShardReader(path))
        {
            do
            {
                state = reader.Next(out _);
            }
            while (state is FrameState.Whole);

            (offset, records, length) = (reader.Offset, reader.Records, reader.FileBytes);
            if (state is FrameState.LengthChecksum or FrameState.PayloadChecksum or FrameState.Oversized)
            {
                damage = reader.Damage(state);
            }
        }

        if (state is not FrameState.End)
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
            if (damage is null)
            {
                Log.TornTail(logger, path, offset, length - offset);
            }
            else
            {
                // Not the mark of a write that was cut short: sound records may follow, so the bytes are kept.
                var salvage = folder.SalvagePath(shard, offset);
                CopyTail(file, offset, salvage);
                Log.DamagedTail(logger, length - offset, salvage, damage);
            }

            disk.SetLength(file, offset);
            disk.Flush(file);
        }

        return (records, offset);
    }

    private void CopyTail(SafeFileHandle source, long offset, string path)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            using var target = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
            for (var written = 0L; ;)
            {
                var read = RandomAccess.Read(source, buffer, offset + written);
                if (read == 0)
                {
                    break;
                }

                RandomAccess.Write(target, buffer.AsSpan(0, read), written);
                written += read;
            }

            RandomAccess.FlushToDisk(target);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        DurableFile.SyncFolder(folder.FullPath);
    }

    private static partial class Log
    {
        [LoggerMessage(5001, LogLevel.Information, "Shard {Shard} was left open; it is closed now with {Records} records.")]
        public static partial void Recovered(ILogger logger, string shard, long records);

        [LoggerMessage(5002, LogLevel.Warning,
            "Shard {Shard}: cut off the torn tail from byte {Offset} on ({Bytes} bytes), an append that never completed.")]
        public static partial void TornTail(ILogger logger, string shard, long offset, long bytes);

        [LoggerMessage(5003, LogLevel.Error,
            "Damage in a shard that was left open. The {Bytes} bytes from there on are now in {Salvage} and no longer in the dataset.")]
        public static partial void DamagedTail(ILogger logger, long bytes, string salvage, Exception exception);
    }
}
