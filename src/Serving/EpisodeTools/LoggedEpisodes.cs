using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>The records of our log as episodes. Stateless.</summary>
internal static class LoggedEpisodes
{
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
