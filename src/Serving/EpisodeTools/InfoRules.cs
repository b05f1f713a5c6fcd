using System.Text.Json;
using System.Text.RegularExpressions;

namespace Serving.EpisodeTools;

/// <summary>What TFDS refuses in dataset_info.json although it can be understood. Stateless.</summary>
internal static partial class InfoRules
{
    private const string File = "dataset_info.json";

    // DatasetInfo and SplitInfo of TFDS's proto/dataset_info.proto, in JSON's spelling.
    private static readonly HashSet<string> _keys = new(StringComparer.Ordinal)
    {
        "alternativeFileFormats", "citation", "configDescription", "configName", "configTags", "dataSourceAccesses", "description",
        "disableShuffling", "downloadChecksums", "downloadSize", "fileFormat", "isBlocked", "location", "moduleName", "name", "nondeterministicOrder",
        "redistributionInfo", "releaseNotes", "schema", "sizeInBytes", "splits", "supervisedKeys", "version",
    };

    private static readonly HashSet<string> _splitKeys = new(StringComparer.Ordinal)
    {
        "filepathTemplate", "name", "numBytes", "numExamples", "numShards", "shardLengths", "statistics",
    };

    public static void Check(JsonElement root, RldsInfo info, RldsFolder folder, VerifyReport report)
    {
        foreach (var key in root.EnumerateObject().Where(property => !_keys.Contains(property.Name)))
        {
            report.Fault(File, $"rule 3: TFDS does not know the key \"{key.Name}\" and refuses the file");
        }

        if (!NamePattern().IsMatch(info.Name))
        {
            report.Fault(File, $"\"{info.Name}\" is no name of a dataset (a letter, then letters, digits and _)");
        }

        var versionFolder = Path.GetFileName(folder.Path);
        if (info.Version != versionFolder)
        {
            report.Note(File, $"version \"{info.Version}\" lies in a folder called '{versionFolder}'; tfds.load will not find it");
        }

        if (root.TryGetProperty("isBlocked", out var blocked) && blocked.ValueKind is JsonValueKind.String && blocked.GetString()!.Length > 0)
        {
            report.Fault(File, $"the dataset is marked as blocked: {blocked.GetString()}");
        }

        if (!root.TryGetProperty("splits", out var splits))
        {
            return;
        }

        foreach (var split in splits.EnumerateArray())
        {
            foreach (var key in split.EnumerateObject().Where(property => !_splitKeys.Contains(property.Name)))
            {
                report.Fault(File, $"rule 3: TFDS does not know the key \"{key.Name}\" of a split and refuses the file");
            }

            if (split.TryGetProperty("shardLengths", out var lengths) && lengths.EnumerateArray().Any(length => length.ValueKind is not JsonValueKind.String))
            {
                report.Note(File, "rule 8: protobuf writes 64-bit integers as strings; shardLengths has numbers");
            }
        }
    }

    [GeneratedRegex("^[a-zA-Z][a-zA-Z0-9_]*$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
