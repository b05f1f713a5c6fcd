using System.Globalization;
using System.Text;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>What a dataset holds, counted over its records. Immutable once made.</summary>
internal sealed class DatasetSummary
{
    /// <summary>Names beyond these are counted and not kept.</summary>
    private const int MostNames = 1000;

    private readonly SortedDictionary<string, long> _policies = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _scorecards = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, (long Records, long Listed, int Shards)> _splits = new(StringComparer.Ordinal);
    private readonly string? _stepKey;

    /// <exception cref="EpisodeToolException">A shard is missing or damaged.</exception>
    public DatasetSummary(RldsFolder folder)
    {
        var columns = folder.Features is { } features ? FeatureColumn.All(features) : [];
        _stepKey = columns.FirstOrDefault(column => column is { InSteps: true, Ragged: false, ValuesPerItem: 1 })?.ValueKey;
        foreach (var shard in folder.Shards)
        {
            var (records, listed, shards) = _splits.GetValueOrDefault(shard.Split);
            _splits[shard.Split] = (records, listed + (shard.Listed ?? 0), shards + 1);
            FileBytes += File.Exists(shard.Path) ? new FileInfo(shard.Path).Length : 0;
        }

        foreach (var (shard, record, payload) in RecordSource.Read(folder))
        {
            var split = _splits[shard.Split];
            _splits[shard.Split] = split with { Records = split.Records + 1 };
            PayloadBytes += payload.Length;
            Episodes++;
            Count(shard, record, payload);
        }
    }

    public long Episodes { get; private set; }

    public long Steps { get; private set; }

    public long FileBytes { get; }

    public long PayloadBytes { get; private set; }

    public long Invalid { get; private set; }

    public long? FirstUnixNanoseconds { get; private set; }

    public long? LastUnixNanoseconds { get; private set; }

    public IReadOnlyDictionary<string, long> Policies => _policies;

    public IReadOnlyDictionary<string, long> Scorecards => _scorecards;

    public IEnumerable<(string Name, long Records, long Listed, int Shards)> Splits =>
        _splits.Select(split => (split.Key, split.Value.Records, split.Value.Listed, split.Value.Shards));

    private void Count(RldsShard shard, long number, ReadOnlyMemory<byte> payload)
    {
        TfExample record;
        try
        {
            record = TfExample.Parse(payload);
        }
        catch (InvalidDataException e)
        {
            throw new EpisodeToolException($"'{shard.Path}', record {number}: {e.Message}. Run 'episodes verify' for all faults.", e);
        }

        Steps += _stepKey is not null && record.Features.TryGetValue(_stepKey, out var step) ? step.Count : 0;
        Name(record, "agent_id", _policies);
        Name(record, "environment_config", _scorecards);
        Invalid += Int64(record, "invalid") is > 0 ? 1 : 0;
        if (Int64(record, "created_unix_ns") is { } created)
        {
            FirstUnixNanoseconds = Math.Min(FirstUnixNanoseconds ?? created, created);
            LastUnixNanoseconds = Math.Max(LastUnixNanoseconds ?? created, created);
        }
    }

    /// <summary>UTC, to the second.</summary>
    public static string Time(long unixNanoseconds) =>
        DateTime.UnixEpoch.AddTicks(unixNanoseconds / TimeSpan.NanosecondsPerTick).ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Other datasets nest such fields under "episode_metadata".</summary>
    private static TfFeature? Find(TfExample record, string key) =>
        record.Features.TryGetValue(key, out var found) || record.Features.TryGetValue("episode_metadata/" + key, out found) ? found : null;

    private static long? Int64(TfExample record, string key) => Find(record, key) is { Int64s: [var value, ..] } ? value : null;

    private static void Name(TfExample record, string key, SortedDictionary<string, long> names)
    {
        if (Find(record, key) is { Bytes: [var bytes, ..] })
        {
            var name = Encoding.UTF8.GetString(bytes.Span);
            if (names.Count < MostNames || names.ContainsKey(name))
            {
                names[name] = names.GetValueOrDefault(name) + 1;
            }
        }
    }
}
