using System.Globalization;
using Microsoft.Extensions.Options;

namespace Serving.Episodes;

/// <summary>
/// Answers whether an episode is on disk. Ids hold the time of their request (UUID version 7) and shards lie in the order of time, so at most a few shards are
/// read; one search at a time. Thread-safe.
/// </summary>
public sealed class EpisodeLookup(EpisodeLog log, IOptions<EpisodeOptions> options) : IDisposable
{
    private const int UuidDigits = 32;
    private const int TimeDigits = 12;

    /// <summary>A record lies in its shard by the end of its request, and the longest request takes an hour.</summary>
    private static readonly TimeSpan _longestRequest = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim _oneAtATime = new(1);

    /// <param name="id">Id of an answer, such as "chatcmpl-0199...".</param>
    /// <param name="cancellationToken">Ends the wait for the searches before.</param>
    public async Task<bool> ContainsAsync(string id, CancellationToken cancellationToken)
    {
        if (log.HasLately(id))
        {
            return true;
        }

        if (!options.Value.Enabled || TimeOf(id) is not { } time)
        {
            return false;
        }

        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            return DatasetForm.AllEpisodes.Any(form => IsOnDisk(new DatasetFolder(options.Value.Root, form), id, time, cancellationToken));
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public void Dispose() => _oneAtATime.Dispose();

    private static bool IsOnDisk(DatasetFolder folder, string id, DateTimeOffset time, CancellationToken cancellationToken)
    {
        var shards = Directory.Exists(folder.FullPath) ? folder.Shards() : [];
        for (var i = 0; i < shards.Length; i++)
        {
            if (FirstOf(folder.ShardPath(shards[i])) is not { } first || first - _longestRequest > time)
            {
                continue;
            }

            if (i + 1 < shards.Length && FirstOf(folder.ShardPath(shards[i + 1])) is { } next && next + _longestRequest < time)
            {
                continue;
            }

            if (ShardIndex.Read(folder.ShardPath(shards[i])).Any(record =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                return record.Id == id;
            }))
            {
                return true;
            }
        }

        return false;
    }

    private static DateTimeOffset? FirstOf(string path) => ShardIndex.Read(path).Select(record => (DateTimeOffset?)record.Created).FirstOrDefault();

    private static DateTimeOffset? TimeOf(string id)
    {
        var digits = id[(id.LastIndexOf('-') + 1)..];
        return digits.Length == UuidDigits
            && long.TryParse(digits.AsSpan(0, TimeDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds < DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;
    }
}
