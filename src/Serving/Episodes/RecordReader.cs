namespace Serving.Episodes;

/// <summary>
/// Reads the records of a dataset folder, closed shards and the live one, also while another process writes to it and before there is any. Whole records
/// only: the beginning of a record at the end of the live shard is "not yet". Stateless.
/// </summary>
/// <param name="folder">The dataset.</param>
/// <param name="decode">What is in a payload; an <see cref="InvalidDataException"/> is told with the record's place.</param>
internal sealed class RecordReader<T>(DatasetFolder folder, Func<ReadOnlyMemory<byte>, T> decode)
{
    /// <summary>The records behind a place, each with the place behind it.</summary>
    /// <exception cref="InvalidDataException">A record is damaged; the message names shard, record and fault.</exception>
    public IEnumerable<(T Record, EpisodePosition Next)> From(EpisodePosition start)
    {
        DatasetInfo? info = null;
        for (var at = start; ; at = new EpisodePosition(at.Shard + 1, 0, 0))
        {
            // Asked before reading: a shard is closed once dataset_info.json lists it or there is a next one, and then nothing more comes.
            if (info is null || info.ShardLengths.Count <= at.Shard)
            {
                info = DatasetInfo.Read(folder);
            }

            long? listed = info?.ShardLengths.Count > at.Shard ? info.ShardLengths[at.Shard] : null;
            var closed = listed is not null || File.Exists(folder.ShardPath(at.Shard + 1));
            if (!File.Exists(folder.ShardPath(at.Shard)))
            {
                if (closed)
                {
                    throw new InvalidDataException($"Shard '{folder.ShardPath(at.Shard)}' is missing. Put it back.");
                }

                yield break;
            }

            using (var shard = new ShardReader(folder.ShardPath(at.Shard), at.Offset, at.Records))
            {
                FrameState state;
                while ((state = shard.Next(out var payload)) is FrameState.Whole)
                {
                    yield return (Decode(shard, payload), new EpisodePosition(at.Shard, shard.Offset, shard.Records));
                }

                CheckEnd(shard, state, closed, listed);
            }

            if (!closed)
            {
                yield break;
            }
        }
    }

    private T Decode(ShardReader shard, ReadOnlyMemory<byte> payload)
    {
        try
        {
            return decode(payload);
        }
        catch (InvalidDataException e)
        {
            throw shard.DamageInside(shard.Offset - payload.Length - TfRecord.FramingBytes, e);
        }
    }

    private void CheckEnd(ShardReader shard, FrameState state, bool closed, long? listed)
    {
        if (state is FrameState.End)
        {
            // A position behind the end of a closed shard is right: those records were read before they were durable, and a power cut or a
            // failing disk took them. Then the count cannot be compared.
            if (listed is { } records && records != shard.Records && shard.Offset <= shard.FileBytes)
            {
                throw shard.Damage($"the shard ends here, but '{folder.InfoPath}' lists {records} records of it");
            }

            return;
        }

        var unfinished = state is FrameState.Uncommitted or FrameState.TruncatedHeader or FrameState.TruncatedPayload;
        if (closed || !unfinished)
        {
            throw shard.Damage(state);
        }
    }
}
