using static Serving.Episodes.FeatureWords;

namespace Serving.Episodes;

/// <summary>
/// features.json of our episodes, in the words of TFDS. It belongs to <see cref="EpisodeEncoder"/> and <see cref="EpisodeDecoder"/> key by key
/// (a test holds them together) and to docs/formats.md. A change here is a new version folder.
/// </summary>
public static class EpisodeSchema
{
    /// <summary>The file, UTF-8, indented.</summary>
    public static byte[] FeaturesJson { get; } = FeatureWords.ToJson(
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
            ("top_p", Scalar("float32"))));
}
