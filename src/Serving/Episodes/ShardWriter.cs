using Microsoft.Win32.SafeHandles;

namespace Serving.Episodes;

/// <summary>
/// The live shard: takes groups of frames, each whole or not at all. A shard is written by one process in one run and is closed for good
/// after that, so an offset in it always means the same record. Used by the log's writer loop only.
/// </summary>
internal sealed class ShardWriter : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly DiskCalls _disk;
    private readonly byte[] _commit = new byte[1];
    private bool _torn;

    /// <exception cref="IOException">The file cannot be created, or holds something already.</exception>
    public ShardWriter(string path, DiskCalls disk)
    {
        Path = path;
        _disk = disk;
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            if (RandomAccess.GetLength(_file) > 0)
            {
                throw new IOException($"'{path}' should be a new shard, but holds data that this log has not written.");
            }

            DurableFile.SyncFolder(System.IO.Path.GetDirectoryName(path)!);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public string Path { get; }

    /// <summary>Durable bytes.</summary>
    public long Length { get; private set; }

    public long Records { get; private set; }

    public long PayloadBytes => Length - Records * TfRecord.FramingBytes;

    /// <summary>
    /// True when readers may have seen records that were then lost: the shard must be repaired and closed, or a reader behind them would
    /// take the bytes of other records for the rest of these.
    /// </summary>
    public bool Doubtful { get; private set; }

    /// <summary>Appends and fsyncs a group; on failure nothing of it counts, and the next call repairs the file first.</summary>
    public void Append(IReadOnlyList<EncodedFrame> group)
    {
        if (_torn)
        {
            Repair();
        }

        var frames = new ReadOnlyMemory<byte>[group.Count];
        var end = Length;
        for (var i = 0; i < frames.Length; i++)
        {
            frames[i] = group[i].Memory;
            end += frames[i].Length;
        }

        _torn = true;

        // 1. The group, with the commit byte of its first frame inverted: readers stop before it.
        var first = group[0].Memory.Span;
        _commit[0] = first[TfRecord.CommitByte];
        first[TfRecord.CommitByte] ^= 0xFF;
        _disk.Write(_file, frames, Length);

        // 2. The commit byte: readers see the whole group. A full disk has shown itself by now.
        Doubtful = true;
        _disk.Write(_file, [_commit], Length + TfRecord.CommitByte);

        // 3. Durable.
        _disk.Flush(_file);
        (Length, Records, _torn, Doubtful) = (end, Records + frames.Length, false, false);
    }

    /// <summary>Cuts off what a failed append left behind.</summary>
    public void Repair()
    {
        if (_torn)
        {
            _disk.SetLength(_file, Length);
            _disk.Flush(_file);
            _torn = false;
        }
    }

    public void Dispose() => _file.Dispose();
}
