using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Episodes;

/// <summary>The nodes of a features.json, in the words of TFDS. Stateless.</summary>
public static class FeatureWords
{
    private const string Features = "tensorflow_datasets.core.features.";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>The file, UTF-8, indented.</summary>
    public static byte[] ToJson(JsonObject root) => JsonSerializer.SerializeToUtf8Bytes(root, _indented);

    public static JsonObject Dict(params (string Key, JsonObject Node)[] features) => Node(
        "features_dict.FeaturesDict",
        "featuresDict",
        new JsonObject { ["features"] = new JsonObject(features.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)f.Node))) });

    public static JsonObject Steps(JsonObject step) => Repeated("dataset_feature.Dataset", step);

    /// <summary>Any number of elements, each a value of the record's list.</summary>
    public static JsonObject Sequence(JsonObject element) => Repeated("sequence_feature.Sequence", element);

    // The empty object must be there: without it TFDS raises.
    public static JsonObject Text() => Node("text_feature.Text", "text", []);

    public static JsonObject ScalarOf(string dtype) => Tensor([], dtype, "none");

    /// <summary>
    /// One dimension of any length, as one zlib stream a step. Encoding "none" cannot hold uneven lengths inside steps, a Sequence would make
    /// ragged keys that TensorFlow's reader does not accept at rank 3, and float64 without an encoding is narrowed.
    /// </summary>
    public static JsonObject List(string dtype) => Tensor(new JsonObject { ["dimensions"] = new JsonArray("-1") }, dtype, "zlib");

    // "-1" must be there: a missing length is read as the static length zero.
    private static JsonObject Repeated(string connector, JsonObject element) => Node(
        connector, "sequence", new JsonObject { ["feature"] = element, ["length"] = "-1" });

    private static JsonObject Tensor(JsonObject shape, string dtype, string encoding) => Node(
        "tensor_feature.Tensor", "tensor", new JsonObject { ["dtype"] = dtype, ["encoding"] = encoding, ["shape"] = shape });

    private static JsonObject Node(string connector, string kind, JsonObject content) =>
        new() { [kind] = content, ["pythonClassName"] = Features + connector };
}
