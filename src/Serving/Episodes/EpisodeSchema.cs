using static Serving.Episodes.FeatureWords;

namespace Serving.Episodes;

/// <summary>
/// features.json of our episodes, in the words of TFDS. It belongs to <see cref="EpisodeEncoder"/> and <see cref="EpisodeDecoder"/> key by key
/// (a test holds them together) and to docs/formats.md. A change here is a new version folder (<see cref="DatasetForm"/>).
/// </summary>
public static class EpisodeSchema
{
    /// <summary>The file, UTF-8, indented.</summary>
    public static byte[] FeaturesJson { get; } = FeatureWords.ToJson(
        Dict(
            ("agent_digest", Text()),
            ("agent_id", Text()),
            ("chosen", ScalarOf("int32")),
            ("created_unix_ns", ScalarOf("int64")),
            ("environment_config", Text()),
            ("environment_digest", Text()),
            ("episode_id", Text()),
            ("experiment_id", Text()),
            ("frequency_penalty", ScalarOf("float32")),
            ("ignore_eos", ScalarOf("bool")),
            ("independent", ScalarOf("bool")),
            ("invalid", ScalarOf("bool")),
            ("logit_bias", ScalarOf("bool")),
            ("max_tokens", ScalarOf("int32")),
            ("min_p", ScalarOf("float32")),
            ("presence_penalty", ScalarOf("float32")),
            ("repetition_penalty", ScalarOf("float32")),
            ("request_digest", Text()),
            ("request_metadata", Text()),
            ("response_format", Text()),
            ("seed", ScalarOf("uint64")),
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
                ("discount", ScalarOf("float32")),
                ("is_first", ScalarOf("bool")),
                ("is_last", ScalarOf("bool")),
                ("is_terminal", ScalarOf("bool")),
                ("observation", Dict(
                    ("source", Text()),
                    ("text", Text()),
                    ("tokens", List("int32")))),
                ("reward", ScalarOf("float32"))))),
            ("temperature", ScalarOf("float32")),
            ("top_k", ScalarOf("int32")),
            ("top_p", ScalarOf("float32")),
            ("trace_id", Text())));
}
