using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>The records of our log as episodes. Stateless.</summary>
public static class LoggedEpisodes
{
    /// <summary>Name of the dataset, and of its folder below an Episodes:Root.</summary>
    internal const string Dataset = "serving_episodes";

    /// <summary>The payload of every record in order; each is valid until the next one is asked for.</summary>
    /// <exception cref="EpisodeToolException">A shard is missing or damaged; the message names it.</exception>
    public static IEnumerable<ReadOnlyMemory<byte>> Payloads(RldsFolder folder) => RecordSource.Read(folder).Select(record => record.Payload);

    /// <summary>Every episode in order, read as it is asked for.</summary>
    /// <exception cref="EpisodeToolException">A shard or record is damaged; the message names it.</exception>
    public static IEnumerable<Episode> Read(RldsFolder folder) =>
        RecordSource.Read(folder).Select(record => Decode(record.Shard, record.Record, record.Payload));

    private static Episode Decode(RldsShard shard, long record, ReadOnlyMemory<byte> payload)
    {
        try
        {
            return EpisodeDecoder.Decode(payload);
        }
        catch (InvalidDataException e)
        {
            throw new EpisodeToolException($"'{shard.Path}', record {record}: {e.Message}. Run 'episodes verify' for all faults.", e);
        }
    }
}
