using System.Globalization;

namespace Serving.Episodes;

/// <summary>Names and places of one dataset: &lt;root&gt;/serving_episodes/1.0.0. Immutable.</summary>
internal sealed class DatasetFolder(string root)
{
    public const string Name = "serving_episodes";
    public const string Version = "1.0.0";
    public const string Split = "train";

    /// <summary>Without a total, so that a new shard never renames the old ones.</summary>
    public const string FilepathTemplate = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}";

    private const string ShardPrefix = Name + "-" + Split + ".tfrecord-";

    public string FullPath { get; } = Path.Combine(Path.GetFullPath(root), Name, Version);

    public string InfoPath => Path.Combine(FullPath, "dataset_info.json");

    public string FeaturesPath => Path.Combine(FullPath, "features.json");

    public string MetadataPath => Path.Combine(FullPath, "metadata.json");

    public string ShardPath(int shard) => Path.Combine(FullPath, string.Create(CultureInfo.InvariantCulture, $"{ShardPrefix}{shard:D5}"));

    /// <summary>Where bytes are kept that recovery cut off although they might be somebody's records.</summary>
    public string SalvagePath(int shard, long offset) =>
        Path.Combine(FullPath, string.Create(CultureInfo.InvariantCulture, $"salvaged-{shard:D5}-from-{offset}"));

    /// <summary>The numbers of the shard files that are there, ascending.</summary>
    public int[] Shards()
    {
        var shards = new List<int>();
        foreach (var path in Directory.EnumerateFiles(FullPath, ShardPrefix + "*"))
        {
            var number = Path.GetFileName(path)[ShardPrefix.Length..];
            if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var shard))
            {
                shards.Add(shard);
            }
        }

        shards.Sort();
        return [.. shards];
    }
}
