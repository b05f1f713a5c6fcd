namespace Serving.Episodes;

/// <summary>Reads the episodes of a dataset folder, closed shards and the live one.</summary>
public sealed class EpisodeReader
{
    /// <param name="root">The <see cref="EpisodeOptions.Root"/> of a log.</param>
    public EpisodeReader(string root) => throw new NotImplementedException();

    /// <summary>Every whole record from the beginning; a torn tail of the live shard ends the sequence quietly.</summary>
    /// <exception cref="InvalidDataException">A record inside is damaged; the message names shard, record and fault.</exception>
    public IEnumerable<Episode> ReadAll() => throw new NotImplementedException();

    /// <summary>The records after the last ones that this reader returned: call again later to follow a live log.</summary>
    public IReadOnlyList<Episode> ReadNew() => throw new NotImplementedException();
}
