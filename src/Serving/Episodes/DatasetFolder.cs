using System.Globalization;

namespace Serving.Episodes;

/// <summary>Names and places of one dataset: &lt;root&gt;/&lt;name&gt;/&lt;version&gt;. Immutable.</summary>
internal sealed class DatasetFolder(string root, DatasetForm form)
{
    public const string Split = "train";

    /// <summary>Without a total, so that a new shard never renames the old ones.</summary>
    public const string FilepathTemplate = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}";

    private readonly string _shardPrefix = $"{form.Name}-{Split}.tfrecord-";

    /// <summary>The folder of episodes.</summary>
    public DatasetFolder(string root)
        : this(root, DatasetForm.Episodes)
    {
    }

    public DatasetForm Form => form;

    public string FullPath { get; } = Path.Combine(Path.GetFullPath(root), form.Name, form.Version);

    public string InfoPath => Path.Combine(FullPath, "dataset_info.json");

    public string FeaturesPath => Path.Combine(FullPath, "features.json");

    public string MetadataPath => Path.Combine(FullPath, "metadata.json");

    public string ShardPath(int shard) => Path.Combine(FullPath, string.Create(CultureInfo.InvariantCulture, $"{_shardPrefix}{shard:D5}"));

    /// <summary>Where bytes are kept that recovery cut off although they might be somebody's records.</summary>
    public string SalvagePath(int shard, long offset) =>
        Path.Combine(FullPath, string.Create(CultureInfo.InvariantCulture, $"salvaged-{shard:D5}-from-{offset}"));

    /// <summary>The numbers of the shard files that are there, ascending.</summary>
    public int[] Shards()
    {
        var shards = new List<int>();
        foreach (var path in Directory.EnumerateFiles(FullPath, _shardPrefix + "*"))
        {
            var number = Path.GetFileName(path)[_shardPrefix.Length..];
            if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var shard))
            {
                shards.Add(shard);
            }
        }

        shards.Sort();
        return [.. shards];
    }
}
