using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>The feedback that lies beside a log of ours: &lt;root&gt;/serving_feedback next to &lt;root&gt;/serving_episodes. Stateless.</summary>
internal static class LoggedFeedback
{
    public const string Dataset = "serving_feedback";

    /// <summary>By episode id; empty when there is none.</summary>
    /// <exception cref="InvalidDataException">A record is damaged; the message names it.</exception>
    public static ILookup<string, FeedbackRecord> Read(RldsFolder episodes) =>
        (Root(episodes) is { } root ? new FeedbackReader(root).ReadAll() : []).ToLookup(feedback => feedback.EpisodeId, StringComparer.Ordinal);

    /// <summary>The folder with its dataset_info.json; null when there is none.</summary>
    public static RldsFolder? Folder(RldsFolder episodes) =>
        Root(episodes) is { } root && Path.Combine(root, Dataset) is var path && Directory.Exists(path) ? RldsFolder.Open(path) : null;

    private static string? Root(RldsFolder episodes) => episodes.IsOurs ? Path.GetDirectoryName(Path.GetDirectoryName(episodes.Path)) : null;
}
