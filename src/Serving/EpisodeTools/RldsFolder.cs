using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>A TFDS folder: its two JSON files, parsed as far as they can be, and its shards, listed or not. Immutable; reads on opening only.</summary>
public sealed partial class RldsFolder
{
    private const long LongestJson = 256 << 20;

    private RldsFolder(string path, byte[]? info, byte[]? features)
    {
        Path = path;
        InfoJson = info;
        FeaturesText = features;
        (Info, InfoFault) = Understand(info, RldsInfo.Parse);
        (Features, FeaturesFault) = Understand(features, FeaturesJson.Parse);
        try
        {
            Shards = Find();
        }
        catch (InvalidDataException e)
        {
            (Info, InfoFault) = (null, e.Message);
            Shards = Find();
        }
    }

    /// <summary>Full path of the folder with dataset_info.json.</summary>
    public string Path { get; }

    /// <summary>Null when there is none or it cannot be understood.</summary>
    public RldsInfo? Info { get; }

    /// <summary>The root of features.json; null when there is none or it cannot be understood.</summary>
    public FeatureNode? Features { get; }

    /// <summary>By split and number: those that are listed, whether the file is there or not, then other shard files.</summary>
    public IReadOnlyList<RldsShard> Shards { get; }

    /// <summary>Name of the dataset, by dataset_info.json or else by the folder above.</summary>
    public string Name => Info is { Name.Length: > 0 } ? Info.Name : System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(Path)) ?? "";

    internal byte[]? InfoJson { get; }

    internal byte[]? FeaturesText { get; }

    internal string? InfoFault { get; }

    internal string? FeaturesFault { get; }

    internal string InfoPath => System.IO.Path.Combine(Path, "dataset_info.json");

    internal string FeaturesPath => System.IO.Path.Combine(Path, "features.json");

    /// <summary>True when its records are those of our log, so that candidates can be read.</summary>
    public bool IsOurs
    {
        get
        {
            var keys = Features?.Children.FirstOrDefault(c => c.Key == "steps").Value?.Element?.Children;
            return keys is not null && keys.Any(c => c.Key == "candidates" && c.Value.Children.Any(k => k.Key == "totals"));
        }
    }

    /// <summary>Opens a dataset: its folder, or one of up to two levels above that holds no other (the Episodes:Root of a server).</summary>
    /// <exception cref="EpisodeToolException">There is none, there are several, or its files are not TFRecord.</exception>
    public static RldsFolder Open(string folder) => At(Locate(System.IO.Path.GetFullPath(folder)));

    /// <summary>Every version of our log that a folder holds, the oldest first: an Episodes:Root holds one for each schema, and any other dataset is opened as it is.</summary>
    /// <exception cref="EpisodeToolException">There is none, or its files are not TFRecord.</exception>
    public static IReadOnlyList<RldsFolder> OpenLog(string folder)
    {
        var home = System.IO.Path.Combine(System.IO.Path.GetFullPath(folder), LoggedEpisodes.Dataset);
        var versions = Directory.Exists(home)
            ? Directory.GetDirectories(home).Where(IsDataset).OrderBy(path => Version.TryParse(System.IO.Path.GetFileName(path), out var version) ? version : new Version()).ToArray()
            : [];
        return versions.Length == 0 ? [Open(folder)] : [.. versions.Select(At)];
    }

    private static RldsFolder At(string path)
    {
        var opened = new RldsFolder(
            path, Read(System.IO.Path.Combine(path, "dataset_info.json")), Read(System.IO.Path.Combine(path, "features.json")));
        return opened.Info is null or { FileFormat: "tfrecord" }
            ? opened
            : throw new EpisodeToolException(
                $"'{path}' holds files of the format \"{opened.Info.FileFormat}\"; only tfrecord can be read. Convert it with TFDS (convert_format) first.");
    }

    /// <summary>True while a server writes here: its lock cannot be shared.</summary>
    internal bool IsBeingWritten()
    {
        try
        {
            using var shared = new FileStream(System.IO.Path.Combine(Path, WriterLock.FileName), FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static string Locate(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new EpisodeToolException($"There is no folder '{folder}'. Name the one that holds dataset_info.json.");
        }

        string[] level = [folder];
        for (var depth = 0; depth <= 2; depth++)
        {
            var found = level.Where(IsDataset).ToArray();
            if (found.Length > 1)
            {
                // Whoever names the Episodes:Root means the episodes; the feedback beside them goes by its own name.
                found = [.. found.Where(f => System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(f)) != LoggedFeedback.Dataset)];
            }

            if (found.Length == 1)
            {
                return found[0];
            }

            if (found.Length > 1)
            {
                throw new EpisodeToolException(
                    $"'{folder}' holds several datasets ({string.Join(", ", found.Take(3).Select(f => $"'{f}'"))}). Name one of them.");
            }

            level = [.. level.SelectMany(Directory.GetDirectories).Order(StringComparer.Ordinal).Take(1000)];
        }

        throw new EpisodeToolException($"'{folder}' holds no dataset. Name the folder with dataset_info.json, features.json and the shards.");
    }

    private static bool IsDataset(string folder) =>
        File.Exists(System.IO.Path.Combine(folder, "dataset_info.json"))
        || File.Exists(System.IO.Path.Combine(folder, "features.json"))
        || Directory.EnumerateFiles(folder, "*.tfrecord*").Any(path => ShardName().IsMatch(System.IO.Path.GetFileName(path)));

    private static byte[]? Read(string path)
    {
        try
        {
            // Shared in every way: a server may replace the file meanwhile.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length > LongestJson)
            {
                throw new EpisodeToolException($"'{path}' is {file.Length} bytes long; no dataset has such a file. Look what it is.");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static (T? Value, string? Fault) Understand<T>(byte[]? json, Func<JsonElement, T> parse)
        where T : class
    {
        if (json is null)
        {
            return (null, null);
        }

        try
        {
            using var document = JsonDocument.Parse(json);
            return (parse(document.RootElement), null);
        }
        catch (JsonException e)
        {
            return (null, $"it is no JSON ({e.Message})");
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
        {
            return (null, e.Message);
        }
    }

    private RldsShard[] Find()
    {
        var listed = new Dictionary<string, RldsShard>(StringComparer.Ordinal);
        foreach (var split in Info?.Splits ?? [])
        {
            for (var shard = 0; shard < split.ShardLengths.Count; shard++)
            {
                var name = Info!.ShardName(split, shard);
                listed[name] = new RldsShard(System.IO.Path.Combine(Path, name), split.Name, shard, split.ShardLengths[shard]);
            }
        }

        var others = new List<RldsShard>();
        foreach (var path in Directory.EnumerateFiles(Path, "*.tfrecord*"))
        {
            var name = System.IO.Path.GetFileName(path);
            var match = ShardName().Match(name);
            if (match.Success && !listed.ContainsKey(name)
                && int.TryParse(match.Groups["index"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            {
                others.Add(new RldsShard(path, match.Groups["split"].Value, index, null));
            }
        }

        return
        [
            .. listed.Values.Concat(others).OrderBy(s => s.Split, StringComparer.Ordinal).ThenBy(s => s.Index).ThenBy(s => s.Name, StringComparer.Ordinal),
        ];
    }

    [GeneratedRegex(@"^(?<name>[a-zA-Z]\w*)-(?<split>[^-]+)\.tfrecord-(?<index>\d{5,10})(-of-\d{5,10})?$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
