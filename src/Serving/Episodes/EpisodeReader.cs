namespace Serving.Episodes;

/// <summary>
/// Reads the episodes of a log, all versions of its schema, closed shards and the live one, also while another process writes to it and before there is
/// any. Whole records only: the beginning of a record at the end of the live shard is "not yet". Not thread-safe.
/// </summary>
/// <param name="root">The <see cref="EpisodeOptions.Root"/> of a log.</param>
/// <param name="position">Where <see cref="ReadNew()"/> goes on: a <see cref="Position"/> that was kept, or <see cref="EpisodePosition.Start"/>.</param>
public sealed class EpisodeReader(string root, EpisodePosition position)
{
    private readonly DatasetFolder[] _versions = [.. DatasetForm.AllEpisodes.Select(form => new DatasetFolder(root, form))];
    private (EpisodePosition Place, string Id)? _last;

    /// <summary>From the first record on.</summary>
    /// <param name="root">The <see cref="EpisodeOptions.Root"/> of a log.</param>
    public EpisodeReader(string root)
        : this(root, EpisodePosition.Start)
    {
    }

    /// <summary>Behind the last record that <see cref="ReadNew()"/> returned.</summary>
    public EpisodePosition Position { get; private set; } = position;

    /// <summary>Every whole record from the beginning; a torn tail of the live shard ends the sequence quietly.</summary>
    /// <exception cref="InvalidDataException">A record inside is damaged; the message names shard, record and fault.</exception>
    public IEnumerable<Episode> ReadAll() => From(EpisodePosition.Start).Select(read => read.Episode);

    /// <summary>The records after the last ones that this reader returned: call again later to follow a live log.</summary>
    /// <exception cref="InvalidDataException">The next record is damaged (those before it were returned by the call before).</exception>
    public IReadOnlyList<Episode> ReadNew() => ReadNew(int.MaxValue);

    /// <summary>The same, at most <paramref name="limit"/> of them.</summary>
    public IReadOnlyList<Episode> ReadNew(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var episodes = new List<Episode>();
        try
        {
            foreach (var (episode, next) in From(Position))
            {
                episodes.Add(episode);
                _last = (Position, episode.Id);
                Position = next;
                if (episodes.Count == limit)
                {
                    break;
                }
            }
        }
        catch (InvalidDataException) when (episodes.Count > 0)
        {
            // What came before the damage is good and is not lost: the next call begins at the damage and throws.
        }

        return episodes;
    }

    /// <summary>
    /// True when the last record that this reader returned is no longer where it was: episodes were deleted since, or a power cut took it. Then
    /// <see cref="Position"/> may lie within a record; <see cref="Rewind"/> and read again.
    /// </summary>
    public bool HasLostItsPlace()
    {
        if (_last is not { } last)
        {
            return false;
        }

        try
        {
            var (episode, next) = From(last.Place).FirstOrDefault();
            return episode?.Id != last.Id || next != Position;
        }
        catch (InvalidDataException)
        {
            return true;
        }
    }

    /// <summary>Back to the beginning of the log.</summary>
    public void Rewind() => (Position, _last) = (EpisodePosition.Start, null);

    private IEnumerable<(Episode Episode, EpisodePosition Next)> From(EpisodePosition start)
    {
        for (var version = start.Version; version < _versions.Length; version++)
        {
            // Asked before reading: a writer finishes the folders of earlier versions before it makes its own, and then nothing more comes there.
            var isOver = _versions.Skip(version + 1).Any(later => Directory.Exists(later.FullPath));
            var from = version == start.Version ? start : EpisodePosition.Start;
            foreach (var (episode, next) in new RecordReader<Episode>(_versions[version], EpisodeDecoder.Decode).From(from))
            {
                yield return (episode, next with { Version = version });
            }

            if (!isOver)
            {
                yield break;
            }
        }
    }
}
