namespace Serving.Episodes;

/// <summary>One of the datasets that this room writes: its name in TFDS, the version of its fields, and what the records are. Immutable.</summary>
/// <param name="Name">Folder and first part of the shards' names.</param>
/// <param name="Version">Folder below it; fields never change within a version.</param>
/// <param name="Description">For people, in dataset_info.json.</param>
/// <param name="Features">features.json, UTF-8.</param>
internal sealed record DatasetForm(string Name, string Version, string Description, byte[] Features)
{
    public static DatasetForm Episodes { get; } = new(
        "serving_episodes",
        "1.1.0",
        "Best-of-N requests with every candidate, its log-probabilities and scores. One record is one request.",
        EpisodeSchema.FeaturesJson);

    /// <summary>Earlier versions of the episodes, oldest first: they are read and closed properly, never written.</summary>
    public static IReadOnlyList<DatasetForm> EarlierEpisodes { get; } = [Episodes with { Version = "1.0.0", Features = [] }];

    /// <summary>All versions of the episodes, oldest first: the order in which they were written.</summary>
    public static IReadOnlyList<DatasetForm> AllEpisodes { get; } = [.. EarlierEpisodes, Episodes];

    public static DatasetForm Feedback { get; } = new(
        "serving_feedback", "1.0.0", "What callers thought of answers. One record is one value for one episode.", FeedbackSchema.FeaturesJson);
}
