using static Serving.Episodes.FeatureWords;

namespace Serving.Episodes;

/// <summary>
/// features.json of feedback: a flat TFDS dataset, one record a value, whose episode_id is that of an episode. It belongs to <see cref="FeedbackCodec"/> key by
/// key and to docs/formats.md. A change here is a new version folder.
/// </summary>
internal static class FeedbackSchema
{
    /// <summary>The file, UTF-8, indented.</summary>
    public static byte[] FeaturesJson { get; } = FeatureWords.ToJson(
        Dict(
            ("client_id", Text()),
            ("created_unix_ns", ScalarOf("int64")),
            ("episode_id", Text()),
            ("feedback_id", Text()),
            ("metric_name", Text()),
            ("tags", Text()),
            ("value", Text()),
            ("workload_id", Text())));
}
