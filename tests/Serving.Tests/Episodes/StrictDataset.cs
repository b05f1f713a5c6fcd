using System.Text.Json;
using Serving.Episodes;

namespace Serving.Tests.Episodes;

/// <summary>
/// A dataset folder read the way TFDS reads it, and refused where TFDS would refuse or misread it: the ten rules of interoperability.
/// Written against the rules and not against our writer.
/// </summary>
internal sealed class StrictDataset
{
    private const string Prefix = "tensorflow_datasets.core.features.";

    private static readonly string[] _infoKeys =
    [
        "alternativeFileFormats", "citation", "configDescription", "configName", "configTags", "dataSourceAccesses", "description",
        "disableShuffling", "downloadSize", "fileFormat", "isBlocked", "location", "moduleName", "name", "nondeterministicOrder",
        "redistributionInfo", "releaseNotes", "schema", "splits", "supervisedKeys", "version",
    ];

    private static readonly string[] _splitKeys = ["filepathTemplate", "name", "numBytes", "shardLengths", "statistics"];

    private readonly Dictionary<string, Leaf> _leaves = new(StringComparer.Ordinal);

    public StrictDataset(string folder)
    {
        using var features = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "features.json")));
        Walk(features.RootElement, "", steps: false);
        using var info = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "dataset_info.json")));
        Read(info.RootElement, folder);
    }

    public List<TfExample> Records { get; } = [];

    public long[] ShardLengths { get; private set; } = [];

    public IEnumerable<string> Keys => _leaves.Keys;

    private void Walk(JsonElement node, string path, bool steps)
    {
        // Rule 3: protobuf's JSON parser refuses every key it does not know.
        var kind = node.EnumerateObject().Single(p => p.Name is not ("pythonClassName" or "description"));
        var connector = node.GetProperty("pythonClassName").GetString()!;
        Assert.StartsWith(Prefix, connector, StringComparison.Ordinal);
        switch (connector[Prefix.Length..])
        {
            case "features_dict.FeaturesDict":
                Assert.Equal("featuresDict", kind.Name);
                Assert.Equal(["features"], Names(kind.Value));
                foreach (var child in kind.Value.GetProperty("features").EnumerateObject())
                {
                    Walk(child.Value, path.Length == 0 ? child.Name : path + "/" + child.Name, steps);
                }

                break;
            case "dataset_feature.Dataset":
                // Rule 2: a length that is not there is the static length zero. Rule 5: no Sequence inside steps, so only this one nests.
                Assert.Equal("sequence", kind.Name);
                Assert.Equal(["feature", "length"], Names(kind.Value).Order());
                Assert.Equal("-1", kind.Value.GetProperty("length").GetString());
                Assert.False(steps);
                Assert.Equal("steps", path);
                Walk(kind.Value.GetProperty("feature"), path, steps: true);
                break;
            case "text_feature.Text":
                // Rule 4.
                Assert.Equal("text", kind.Name);
                Assert.Empty(Names(kind.Value));
                _leaves.Add(path, new Leaf(TfKind.Bytes, "text", false, steps));
                break;
            case "tensor_feature.Tensor":
                Assert.Equal("tensor", kind.Name);
                _leaves.Add(path, Tensor(kind.Value, steps));
                break;
            default:
                Assert.Fail(connector);
                break;
        }
    }

    private static Leaf Tensor(JsonElement tensor, bool steps)
    {
        Assert.Equal(["dtype", "encoding", "shape"], Names(tensor).Order());
        var dtype = tensor.GetProperty("dtype").GetString()!;
        var encoding = tensor.GetProperty("encoding").GetString()!;
        Assert.Contains(dtype, new[] { "bool", "uint8", "int32", "int64", "uint64", "float32", "float64" });
        var dimensions = tensor.GetProperty("shape").TryGetProperty("dimensions", out var list)
            ? list.EnumerateArray().Select(d => long.Parse(d.GetString()!, System.Globalization.CultureInfo.InvariantCulture)).ToArray()
            : [];
        if (encoding == "zlib")
        {
            Assert.True(dimensions.Count(d => d < 0) <= 1);
            return new Leaf(TfKind.Bytes, dtype, true, steps);
        }

        // Rules 5 and 6: without an encoding a tensor needs a fixed shape, and float64 would be narrowed.
        Assert.Equal("none", encoding);
        Assert.Empty(dimensions);
        Assert.NotEqual("float64", dtype);
        return new Leaf(dtype.StartsWith("float", StringComparison.Ordinal) ? TfKind.Float : TfKind.Int64, dtype, false, steps);
    }

    private void Read(JsonElement info, string folder)
    {
        Assert.Empty(Names(info).Except(_infoKeys));
        Assert.Equal(Names(info).Order(StringComparer.Ordinal), Names(info));
        Assert.Equal("tfrecord", info.GetProperty("fileFormat").GetString());
        Assert.Matches("^[a-zA-Z][a-zA-Z0-9_]*$", info.GetProperty("name").GetString());
        Assert.Equal(Path.GetFileName(folder), info.GetProperty("version").GetString());
        Assert.Equal(Path.GetFileName(Path.GetDirectoryName(folder)), info.GetProperty("name").GetString());

        var split = Assert.Single(info.GetProperty("splits").EnumerateArray());
        Assert.Empty(Names(split).Except(_splitKeys));
        Assert.Equal("{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}", split.GetProperty("filepathTemplate").GetString());
        ShardLengths = [.. split.GetProperty("shardLengths").EnumerateArray().Select(Int64)];

        var payloadBytes = 0L;
        for (var shard = 0; shard < ShardLengths.Length; shard++)
        {
            // Rule 9: read as it lies, uncompressed.
            var path = Path.Combine(folder, $"{info.GetProperty("name")}-{split.GetProperty("name")}.tfrecord-{shard:D5}");
            var payloads = Frames(File.ReadAllBytes(path));
            Assert.Equal(ShardLengths[shard], payloads.Count);                      // rule 8
            payloadBytes += payloads.Sum(payload => (long)payload.Length);
            payloads.ForEach(Check);
        }

        Assert.Equal(Int64(split.GetProperty("numBytes")), payloadBytes);
    }

    private static List<byte[]> Frames(byte[] file)
    {
        var payloads = new List<byte[]>();
        for (var at = 0; at < file.Length;)
        {
            var length = (int)BitConverter.ToUInt64(file, at);
            Assert.Equal(Crc32C.Masked(file.AsSpan(at, 8)), BitConverter.ToUInt32(file, at + 8));
            Assert.Equal(Crc32C.Masked(file.AsSpan(at + 12, length)), BitConverter.ToUInt32(file, at + 12 + length));
            payloads.Add(file[(at + 12)..(at + 12 + length)]);
            at += 16 + length;
        }

        return payloads;
    }

    private void Check(byte[] payload)
    {
        // Rule 1: one record is one episode.
        var record = TfExample.Parse(payload);
        Assert.Equal(_leaves.Keys.Order(StringComparer.Ordinal), record.Features.Keys.Order(StringComparer.Ordinal));
        var steps = record.Features["steps/is_first"].Count;
        foreach (var (key, leaf) in _leaves)
        {
            var feature = record.Features[key];
            Assert.Equal(leaf.Kind, feature.Kind);                                  // rule 7: also of an empty list
            Assert.Equal(leaf.Steps ? steps : 1, feature.Count);                    // rule 10
            if (leaf.Zlib)
            {
                foreach (var stream in feature.Bytes)
                {
                    Inflate(stream, leaf.Dtype);
                }
            }
        }

        Assert.Equal([1L, .. Enumerable.Repeat(0L, steps - 1)], record.Features["steps/is_first"].Int64s);
        Assert.Equal([.. Enumerable.Repeat(0L, steps - 1), 1L], record.Features["steps/is_last"].Int64s);
        Records.Add(record);
    }

    private static void Inflate(ReadOnlyMemory<byte> stream, string dtype)
    {
        using var inflated = new System.IO.Compression.ZLibStream(new MemoryStream(stream.ToArray()), System.IO.Compression.CompressionMode.Decompress);
        using var raw = new MemoryStream();
        inflated.CopyTo(raw);
        Assert.Equal(0, raw.Length % (dtype switch { "uint8" => 1, "float64" => 8, _ => 4 }));
    }

    private static string[] Names(JsonElement node) => [.. node.EnumerateObject().Select(p => p.Name)];

    /// <summary>64-bit integers are strings in protobuf's JSON.</summary>
    private static long Int64(JsonElement text) => long.Parse(text.GetString()!, System.Globalization.CultureInfo.InvariantCulture);

    private sealed record Leaf(TfKind Kind, string Dtype, bool Zlib, bool Steps);
}
