using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>Writes new counts into dataset_info.json and leaves everything else in it as it is; makes the file when there is none. Stateless.</summary>
internal static class InfoRewrite
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <param name="folder">The dataset.</param>
    /// <param name="plans">Every shard that is to be listed.</param>
    public static void Run(RldsFolder folder, IReadOnlyList<ShardPlan> plans)
    {
        var root = folder.Info is null ? New(folder) : JsonNode.Parse(folder.InfoJson!)!.AsObject();
        var old = root["splits"]?.AsArray();
        var splits = new JsonArray();
        foreach (var node in old ?? [])
        {
            splits.Add(node!.DeepClone());
        }

        foreach (var group in plans.GroupBy(plan => plan.Shard.Split))
        {
            var split = splits.FirstOrDefault(node => node?["name"]?.GetValue<string>() == group.Key)?.AsObject();
            if (split is null)
            {
                split = new JsonObject { ["filepathTemplate"] = Template(group.First().Shard), ["name"] = group.Key };
                splits.Add(split);
            }

            Set(split, "numBytes", "num_bytes", group.Sum(plan => plan.PayloadBytes).ToString(CultureInfo.InvariantCulture));
            Set(split, "shardLengths", "shard_lengths", new JsonArray([.. group.OrderBy(plan => plan.Shard.Index)
                .Select(plan => (JsonNode)plan.Records.ToString(CultureInfo.InvariantCulture))]));
        }

        root["splits"] = splits;
        var sorted = new JsonObject(root.OrderBy(property => property.Key, StringComparer.Ordinal)
            .Select(property => KeyValuePair.Create(property.Key, property.Value?.DeepClone())));
        DurableFile.Replace(folder.InfoPath, JsonSerializer.SerializeToUtf8Bytes(sorted, _indented));
    }

    private static JsonObject New(RldsFolder folder) => new()
    {
        ["fileFormat"] = "tfrecord",
        ["name"] = folder.Name,
        ["version"] = Path.GetFileName(folder.Path),
    };

    private static string Template(RldsShard shard) => shard.Name.Contains("-of-", StringComparison.Ordinal)
        ? RldsInfo.DefaultTemplate
        : "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}";

    private static void Set(JsonObject target, string name, string other, JsonNode value)
    {
        target.Remove(other);
        target[name] = value;
    }
}
