using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>The records of a dataset in order, from all its shards. Stateless.</summary>
internal static class RecordSource
{
    /// <summary>
    /// Each payload is valid until the next one is asked for. A cut tail of a shard that is not listed ends it quietly: a writer may be at it.
    /// </summary>
    /// <exception cref="EpisodeToolException">A shard is missing or damaged.</exception>
    public static IEnumerable<(RldsShard Shard, long Record, ReadOnlyMemory<byte> Payload)> Read(RldsFolder folder)
    {
        foreach (var shard in folder.Shards)
        {
            if (!File.Exists(shard.Path))
            {
                if (shard.Listed is null or 0)
                {
                    continue;
                }

                throw new EpisodeToolException($"'{shard.Path}' is missing. Put it back, or run 'episodes repair'.");
            }

            using var reader = FrameReader.Open(shard.Path);
            while (Next(reader, shard, out var payload))
            {
                yield return (shard, reader.Records - 1, payload);
            }
        }
    }

    private static bool Next(FrameReader reader, RldsShard shard, out ReadOnlyMemory<byte> payload)
    {
        try
        {
            var state = reader.Next(out payload);
            if (state is FrameState.Whole)
            {
                return true;
            }

            var unfinished = state is FrameState.Uncommitted or FrameState.TruncatedHeader or FrameState.TruncatedPayload;
            return state is FrameState.End || (shard.Listed is null && unfinished)
                ? false
                : throw Damage(reader, shard, FrameDiagnosis.Of(reader, state).Fault, null);
        }
        catch (InvalidDataException e)
        {
            throw Damage(reader, shard, e.Message, e);
        }
    }

    private static EpisodeToolException Damage(FrameReader reader, RldsShard shard, string fault, Exception? inner) =>
        new($"'{shard.Path}', record {reader.Records} at byte {reader.Offset}: {fault}. Run 'episodes verify' for all faults.", inner);
}
