using System.Globalization;
using System.Text.Json;

namespace Serving.EpisodeTools;

/// <summary>What dataset_info.json says, of any TFDS dataset. Immutable.</summary>
/// <param name="Name">Of the dataset.</param>
/// <param name="Version">x.y.z.</param>
/// <param name="FileFormat">"tfrecord", "array_record", ...</param>
/// <param name="Splits">At least none.</param>
public sealed record RldsInfo(string Name, string Version, string FileFormat, IReadOnlyList<RldsSplit> Splits)
{
    internal const string DefaultTemplate = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}";

    /// <exception cref="InvalidDataException">It cannot be understood; the message says where.</exception>
    internal static RldsInfo Parse(JsonElement root)
    {
        if (root.ValueKind is not JsonValueKind.Object)
        {
            throw new InvalidDataException("dataset_info.json is no object");
        }

        var format = Text(root, "fileFormat", "file_format");
        return new RldsInfo(
            Text(root, "name"),
            Text(root, "version"),
            format.Length == 0 ? "tfrecord" : format.ToLowerInvariant(),
            root.TryGetProperty("splits", out var splits) ? ParseSplits(splits) : []);
    }

    /// <summary>The file name of a shard; never one that leads out of the folder.</summary>
    /// <exception cref="InvalidDataException">The template makes no file name.</exception>
    internal string ShardName(RldsSplit split, int shard)
    {
        var total = split.ShardLengths.Count;
        var digits = Math.Max(5, total.ToString(CultureInfo.InvariantCulture).Length);
        var index = shard.ToString("D" + digits, CultureInfo.InvariantCulture);
        var count = total.ToString("D" + digits, CultureInfo.InvariantCulture);
        var name = split.Template
            .Replace("{DATASET}", Name, StringComparison.Ordinal)
            .Replace("{SPLIT}", split.Name, StringComparison.Ordinal)
            .Replace("{FILEFORMAT}", FileFormat, StringComparison.Ordinal)
            .Replace("{SHARD_INDEX}", index, StringComparison.Ordinal)
            .Replace("{NUM_SHARDS}", count, StringComparison.Ordinal)
            .Replace("{SHARD_X_OF_Y}", $"{index}-of-{count}", StringComparison.Ordinal);
        return name.Length > 0 && name != ".." && name != "." && name.IndexOfAny(['/', '\\', '\0']) < 0
            ? name
            : throw new InvalidDataException($"dataset_info.json, split '{split.Name}': \"{name}\" is no name of a file in the folder");
    }

    private static RldsSplit[] ParseSplits(JsonElement splits)
    {
        if (splits.ValueKind is not JsonValueKind.Array)
        {
            throw new InvalidDataException("dataset_info.json: \"splits\" is no list");
        }

        return [.. splits.EnumerateArray().Select(ParseSplit)];
    }

    private static RldsSplit ParseSplit(JsonElement split)
    {
        if (split.ValueKind is not JsonValueKind.Object)
        {
            throw new InvalidDataException("dataset_info.json: a split is no object");
        }

        var name = Text(split, "name");
        var template = Text(split, "filepathTemplate", "filepath_template");
        var bytes = Member(split, "numBytes", "num_bytes");
        var lengths = Member(split, "shardLengths", "shard_lengths");
        return new RldsSplit(
            name,
            template.Length == 0 ? DefaultTemplate : template,
            bytes is { } count ? Count(count, name) : null,
            lengths is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(length => Count(length, name))] : []);
    }

    private static long Count(JsonElement value, string split)
    {
        var text = value.ValueKind is JsonValueKind.String ? value.GetString() : value.GetRawText();
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? count
            : throw new InvalidDataException($"dataset_info.json, split '{split}': {value.GetRawText()} is no count");
    }

    private static string Text(JsonElement parent, string name, string? other = null) => Member(parent, name, other) switch
    {
        null or { ValueKind: JsonValueKind.Null } => "",
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        _ => throw new InvalidDataException($"dataset_info.json: \"{name}\" is no text"),
    };

    private static JsonElement? Member(JsonElement parent, string name, string? other = null) =>
        parent.TryGetProperty(name, out var member) || (other is not null && parent.TryGetProperty(other, out member)) ? member : null;
}
