namespace Serving.Episodes;

/// <summary>
/// Reads the episodes of a dataset folder, closed shards and the live one, also while another process writes to it and before there is
/// any. Whole records only: the beginning of a record at the end of the live shard is "not yet". Not thread-safe.
/// </summary>
/// <param name="root">The <see cref="EpisodeOptions.Root"/> of a log.</param>
/// <param name="position">Where <see cref="ReadNew()"/> goes on: a <see cref="Position"/> that was kept, or <see cref="EpisodePosition.Start"/>.</param>
public sealed class EpisodeReader(string root, EpisodePosition position)
{
    private readonly DatasetFolder _folder = new(root);

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

    private IEnumerable<(Episode Episode, EpisodePosition Next)> From(EpisodePosition start)
    {
        DatasetInfo? info = null;
        for (var at = start; ; at = new EpisodePosition(at.Shard + 1, 0, 0))
        {
            // Asked before reading: a shard is closed once dataset_info.json lists it or there is a next one, and then nothing more comes.
            if (info is null || info.ShardLengths.Count <= at.Shard)
            {
                info = DatasetInfo.Read(_folder);
            }

            long? listed = info?.ShardLengths.Count > at.Shard ? info.ShardLengths[at.Shard] : null;
            var closed = listed is not null || File.Exists(_folder.ShardPath(at.Shard + 1));
            if (!File.Exists(_folder.ShardPath(at.Shard)))
            {
                if (closed)
                {
                    throw new InvalidDataException($"Episode shard '{_folder.ShardPath(at.Shard)}' is missing. Put it back.");
                }

                yield break;
            }

            using (var shard = new ShardReader(_folder.ShardPath(at.Shard), at.Offset, at.Records))
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

    private static Episode Decode(ShardReader shard, ReadOnlyMemory<byte> payload)
    {
        try
        {
            return EpisodeDecoder.Decode(payload);
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
                throw shard.Damage($"the shard ends here, but '{_folder.InfoPath}' lists {records} records of it");
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
