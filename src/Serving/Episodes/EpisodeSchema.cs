using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Episodes;

/// <summary>
/// features.json of our episodes, in the words of TFDS. It belongs to <see cref="EpisodeEncoder"/> and <see cref="EpisodeDecoder"/> key by key
/// (a test holds them together) and to docs/formats.md. A change here is a new version folder.
/// </summary>
public static class EpisodeSchema
{
    private const string Features = "tensorflow_datasets.core.features.";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>The file, UTF-8, indented.</summary>
    public static byte[] FeaturesJson { get; } = JsonSerializer.SerializeToUtf8Bytes(
        Dict(
            ("agent_digest", Text()),
            ("agent_id", Text()),
            ("chosen", Scalar("int32")),
            ("created_unix_ns", Scalar("int64")),
            ("environment_config", Text()),
            ("environment_digest", Text()),
            ("episode_id", Text()),
            ("experiment_id", Text()),
            ("independent", Scalar("bool")),
            ("invalid", Scalar("bool")),
            ("request_metadata", Text()),
            ("seed", Scalar("uint64")),
            ("steps", Steps(Dict(
                ("action", Dict(
                    ("logprobs", List("float32")),
                    ("sampled_logprobs", List("float32")),
                    ("text", Text()),
                    ("tokens", List("int32")))),
                ("candidates", Dict(
                    ("finished", List("uint8")),
                    ("lengths", List("int32")),
                    ("logprobs", List("float32")),
                    ("sampled_logprobs", List("float32")),
                    ("score_names", Text()),
                    ("scores", List("float32")),
                    ("texts", Text()),
                    ("tokens", List("int32")),
                    ("totals", List("float64")))),
                ("discount", Scalar("float32")),
                ("is_first", Scalar("bool")),
                ("is_last", Scalar("bool")),
                ("is_terminal", Scalar("bool")),
                ("observation", Dict(
                    ("source", Text()),
                    ("text", Text()),
                    ("tokens", List("int32")))),
                ("reward", Scalar("float32"))))),
            ("temperature", Scalar("float32")),
            ("top_k", Scalar("int32")),
            ("top_p", Scalar("float32"))),
        _indented);

    private static JsonObject Dict(params (string Key, JsonObject Node)[] features) => Node(
        "features_dict.FeaturesDict",
        "featuresDict",
        new JsonObject { ["features"] = new JsonObject(features.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)f.Node))) });

    // "-1" must be there: a missing length is read as the static length zero.
    private static JsonObject Steps(JsonObject step) => Node(
        "dataset_feature.Dataset", "sequence", new JsonObject { ["feature"] = step, ["length"] = "-1" });

    // The empty object must be there: without it TFDS raises.
    private static JsonObject Text() => Node("text_feature.Text", "text", []);

    private static JsonObject Scalar(string dtype) => Tensor([], dtype, "none");

    /// <summary>
    /// One dimension of any length, as one zlib stream a step. Encoding "none" cannot hold uneven lengths inside steps, a Sequence would make
    /// ragged keys that TensorFlow's reader does not accept at rank 3, and float64 without an encoding is narrowed.
    /// </summary>
    private static JsonObject List(string dtype) => Tensor(new JsonObject { ["dimensions"] = new JsonArray("-1") }, dtype, "zlib");

    private static JsonObject Tensor(JsonObject shape, string dtype, string encoding) => Node(
        "tensor_feature.Tensor", "tensor", new JsonObject { ["dtype"] = dtype, ["encoding"] = encoding, ["shape"] = shape });

    private static JsonObject Node(string connector, string kind, JsonObject content) =>
        new() { [kind] = content, ["pythonClassName"] = Features + connector };
}
