using Serving.EpisodeTools;

namespace Serving.Batch;

/// <summary>The records of a log of ours; a line's bytes are the record's payload. Positions are records. Not thread-safe.</summary>
internal sealed class EpisodeInput : InputLines
{
    private readonly IEnumerator<ReadOnlyMemory<byte>> _records;
    private readonly long _listed;
    private long _read;

    /// <exception cref="EpisodeToolException">The folder cannot be read.</exception>
    public EpisodeInput(RldsFolder folder)
    {
        _records = LoggedEpisodes.Payloads(folder).GetEnumerator();
        _listed = folder.Shards.Sum(shard => shard.Listed ?? 0);
    }

    public override long Position => _read;

    /// <summary>Records that the folder lists; a live shard may hold more.</summary>
    public override long Length => Math.Max(_listed, _read);

    public override Line? Read()
    {
        if (!_records.MoveNext())
        {
            return null;
        }

        return Line.Of(++_read, _records.Current.ToArray(), long.MaxValue);
    }

    public override void Dispose() => _records.Dispose();
}
