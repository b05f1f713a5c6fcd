using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Serving.Models;

/// <summary>model.safetensors.index.json: which shard holds which tensor. Immutable.</summary>
internal sealed partial class CheckpointIndex
{
    private const int MostShards = 1024;

    private readonly string _path;
    private readonly Dictionary<string, string> _files;        // shard by tensor

    private CheckpointIndex(string path, Dictionary<string, string> files)
    {
        _path = path;
        _files = files;
    }

    /// <summary>Names of the shards, sorted.</summary>
    public IEnumerable<string> Shards => _files.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>Reads the index and looks whether the shards that it lists, and no others, lie beside it.</summary>
    public static CheckpointIndex Read(string folder)
    {
        var path = Path.Combine(folder, ModelFiles.WeightsIndex);
        var json = JsonFile.ReadObject(path, message => new CheckpointException(message));
        if (json["weight_map"] is not JsonObject { Count: > 0 } map)
        {
            throw Error(path, "weight_map must be an object of tensor name to file name");
        }

        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tensor, node) in map)
        {
            files[tensor] = node is JsonValue value && value.TryGetValue<string>(out var file)
                ? file
                : throw Error(path, $"weight_map: \"{tensor}\" must be the name of a file");
        }

        var index = new CheckpointIndex(path, files);
        index.CheckFiles(folder);
        return index;
    }

    /// <summary>The shard of every tensor, by its name.</summary>
    /// <param name="shards">The opened shards by file name.</param>
    public Dictionary<string, SafetensorsFile> Place(IReadOnlyDictionary<string, SafetensorsFile> shards)
    {
        foreach (var (file, shard) in shards)
        {
            foreach (var tensor in shard.Tensors.Keys)
            {
                if (!_files.TryGetValue(tensor, out var home))
                {
                    throw Error(_path, $"weight_map does not list tensor \"{tensor}\" of {file}: they are not of one checkpoint");
                }

                if (home != file)
                {
                    throw Error(_path, shards[home].Tensors.ContainsKey(tensor)
                        ? $"tensor \"{tensor}\" lies both in {home} and in {file}"
                        : $"tensor \"{tensor}\" lies in {file}, but weight_map says that it lies in {home}");
                }
            }
        }

        var homes = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (var (tensor, file) in _files)
        {
            homes.Add(tensor, shards[file].Tensors.ContainsKey(tensor)
                ? shards[file]
                : throw Error(_path, $"weight_map says that tensor \"{tensor}\" lies in {file}, but it does not"));
        }

        return homes;
    }

    private void CheckFiles(string folder)
    {
        var shards = Shards.ToHashSet(StringComparer.Ordinal);
        if (shards.Count > MostShards)
        {
            throw Error(_path, $"weight_map names {shards.Count} files; the limit is {MostShards}");
        }

        foreach (var shard in shards)
        {
            if (!ManifestJson.IsFileName(shard) || !shard.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                throw Error(_path, $"weight_map names \"{shard}\", which is not a .safetensors file of the folder itself");
            }

            if (!File.Exists(Path.Combine(folder, shard)))
            {
                throw Error(_path, $"weight_map names {shard}, but there is no such file: copy it here");
            }
        }

        // A shard that nobody lists is a sign that index and weights come from different downloads.
        foreach (var file in Directory.EnumerateFiles(folder, "*.safetensors").Select(file => Path.GetFileName(file)))
        {
            if (ShardName().IsMatch(file) && !shards.Contains(file))
            {
                throw Error(_path, $"weight_map does not name {file}, which lies beside it: delete the file or fetch the index that belongs to it");
            }
        }
    }

    private static CheckpointException Error(string path, string what) => new($"{path}: {what}.");

    /// <summary>How Hugging Face names shards. Other .safetensors files of a folder (adapters, other layouts of the weights) are none of ours.</summary>
    [GeneratedRegex("^model-[0-9]+-of-[0-9]+\\.safetensors\\z")]
    private static partial Regex ShardName();
}
