using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// Writes episodes of any schema as a TFDS folder: the EpisodeWriter of rlds.tfds without TensorFlow. A full shard is made durable and listed in
/// dataset_info.json; an existing dataset is never overwritten. Not thread-safe.
/// </summary>
public sealed class RldsWriter : IDisposable
{
    private const string Template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    private readonly string _name;
    private readonly string _version;
    private readonly int _maxEpisodesPerFile;
    private readonly IReadOnlyList<FeatureColumn> _columns;
    private readonly IReadOnlyList<Split> _splits;

    /// <param name="root">The dataset is made in &lt;root&gt;/&lt;name&gt;/&lt;version&gt;.</param>
    /// <param name="name">Letters, digits and underscores, a letter first.</param>
    /// <param name="features">The schema; "steps" is a Dataset.</param>
    /// <param name="splits">Names of the splits; none = "train".</param>
    /// <param name="version">Three numbers.</param>
    /// <param name="maxEpisodesPerFile">Episodes of a shard.</param>
    /// <exception cref="ArgumentException">A name is malformed, or TFDS could not read the schema back; the message says what to change.</exception>
    /// <exception cref="EpisodeToolException">There is a dataset already.</exception>
    public RldsWriter(
        string root, string name, FeatureNode features, IReadOnlyList<string>? splits = null, string version = "0.0.1", int maxEpisodesPerFile = 1000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxEpisodesPerFile, 1);
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
            || version.Split('.') is not { Length: 3 } parts || !parts.All(part => uint.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
        {
            throw new ArgumentException($"'{name}' {version}: a dataset has a name of letters, digits and underscores, and a version like 0.0.1.", nameof(name));
        }

        (_name, _version, _maxEpisodesPerFile) = (name, version, maxEpisodesPerFile);
        Folder = Path.Combine(Path.GetFullPath(root), name, version);
        var json = FeaturesText.Of(features);
        Check(json, features);
        if (Directory.Exists(Folder) && Directory.EnumerateFileSystemEntries(Folder).Any())
        {
            throw new EpisodeToolException($"'{Folder}' holds something already and is not overwritten. Name another version, or remove it first.");
        }

        _columns = FeatureColumn.All(features);
        _splits = [.. (splits is { Count: > 0 } ? splits : ["train"]).Select(split => new Split(split))];
        DurableFile.CreateFolder(Folder);
        DurableFile.Replace(Path.Combine(Folder, "features.json"), JsonSerializer.SerializeToUtf8Bytes(json, _indented));
        WriteInfo();
    }

    /// <summary>The folder with dataset_info.json.</summary>
    public string Folder { get; }

    /// <summary>Adds an episode to the only split.</summary>
    /// <exception cref="ArgumentException">There are several splits, or the episode does not fit the schema; the message names the field.</exception>
    public void Add(RldsEpisode episode) => Add(
        episode,
        _splits.Count == 1 ? _splits[0].Name : throw new ArgumentException($"Name one of the splits {string.Join(", ", _splits.Select(s => s.Name))}.", nameof(episode)));

    /// <summary>Adds an episode to a split.</summary>
    /// <exception cref="ArgumentException">There is no such split, or the episode does not fit the schema; the message names the field.</exception>
    public void Add(RldsEpisode episode, string split)
    {
        ArgumentNullException.ThrowIfNull(episode);
        var target = _splits.FirstOrDefault(s => s.Name == split)
            ?? throw new ArgumentException($"There is no split '{split}'; there are {string.Join(", ", _splits.Select(s => s.Name))}.", nameof(split));
        var frame = Encode(episode);
        target.File ??= new FileStream(Shard(target), FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 20);
        target.File.Write(frame.Memory.Span);
        target.Records++;
        target.PayloadBytes += frame.PayloadBytes;
        frame.Return();
        if (target.Records == _maxEpisodesPerFile)
        {
            Close(target);
            WriteInfo();
        }
    }

    /// <summary>Closes the last shards and lists them.</summary>
    public void Dispose()
    {
        foreach (var split in _splits)
        {
            Close(split);
        }

        WriteInfo();
    }

    private EncodedFrame Encode(RldsEpisode episode)
    {
        const string Nested = "episode_metadata/";
        const string Steps = "steps/";
        var record = new SortedDictionary<string, Action<ExampleWriter>>(StringComparer.Ordinal);
        foreach (var column in _columns)
        {
            if (column.InSteps)
            {
                var key = column.Path.StartsWith(Steps, StringComparison.Ordinal) ? column.Path[Steps.Length..] : column.Path;
                ColumnEncoder.Add(column, episode.Steps.Select((step, i) => Field(step.Fields, key, $"step {i}")), record);
            }
            else
            {
                var key = column.Path.StartsWith(Nested, StringComparison.Ordinal) ? column.Path[Nested.Length..] : column.Path;
                ColumnEncoder.Add(column, [Field(episode.Metadata, key, "the episode")], record);
            }
        }

        using var writer = new ExampleWriter();
        foreach (var write in record.Values)
        {
            write(writer);
        }

        return writer.Finish();
    }

    private static RldsValue Field(ImmutableSortedDictionary<string, RldsValue> fields, string key, string place) =>
        fields.TryGetValue(key, out var value) ? value : throw new ArgumentException($"Field '{key}' is missing in {place}.");

    private static void Check(JsonObject json, FeatureNode features)
    {
        var report = new VerifyReport();
        using var document = JsonDocument.Parse(json.ToJsonString());
        FeatureRules.Check(document.RootElement, features, report);
        if (!report.IsSound)
        {
            throw new ArgumentException($"TFDS could not read this schema back: {report.Findings.First(finding => finding.IsFault).What}.", nameof(features));
        }
    }

    private string Shard(Split split) => Path.Combine(
        Folder, string.Create(CultureInfo.InvariantCulture, $"{_name}-{split.Name}.tfrecord-{split.Lengths.Count:D5}"));

    private static void Close(Split split)
    {
        if (split.File is null)
        {
            return;
        }

        split.File.Flush(flushToDisk: true);
        split.File.Dispose();
        split.File = null;
        split.Lengths.Add(split.Records);
        split.ListedBytes = split.PayloadBytes;
        split.Records = 0;
    }

    private void WriteInfo() => DurableFile.Replace(Path.Combine(Folder, "dataset_info.json"), JsonSerializer.SerializeToUtf8Bytes(
        new JsonObject
        {
            ["fileFormat"] = "tfrecord",
            ["name"] = _name,
            ["splits"] = new JsonArray([.. _splits.Select(split => new JsonObject
            {
                ["filepathTemplate"] = Template,
                ["name"] = split.Name,
                ["numBytes"] = split.ListedBytes.ToString(CultureInfo.InvariantCulture),
                ["shardLengths"] = new JsonArray([.. split.Lengths.Select(length => (JsonNode)length.ToString(CultureInfo.InvariantCulture))]),
            })]),
            ["version"] = _version,
        },
        _indented));

    private sealed class Split(string name)
    {
        public string Name => name;

        public FileStream? File { get; set; }

        /// <summary>Of the open shard.</summary>
        public long Records { get; set; }

        /// <summary>Of all shards, the open one too.</summary>
        public long PayloadBytes { get; set; }

        /// <summary>Of those in <see cref="Lengths"/>.</summary>
        public long ListedBytes { get; set; }

        /// <summary>Records of the closed shards.</summary>
        public List<long> Lengths { get; } = [];
    }
}
