using System.Text;

namespace Serving.Episodes;

/// <summary>By what the episodes of a shard are found. Stateless.</summary>
internal static class ShardIndex
{
    /// <summary>
    /// Of every record up to the end, or to the first damage: what lies behind cannot be trusted, and "episodes verify" tells of it. Request is empty where none
    /// was recorded.
    /// </summary>
    public static IEnumerable<(string Id, string Request, DateTimeOffset Created)> Read(string path)
    {
        using var shard = new ShardReader(path);
        while (shard.Next(out var payload) is FrameState.Whole)
        {
            var features = TfExample.Parse(payload).Features;
            if (Text(features, "episode_id") is { } id && features.TryGetValue("created_unix_ns", out var created) && created is { Int64s: [var nanoseconds, ..] })
            {
                yield return (id, Text(features, "request_digest") ?? "", DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / TimeSpan.NanosecondsPerTick));
            }
        }
    }

    private static string? Text(IReadOnlyDictionary<string, TfFeature> features, string key) =>
        features.TryGetValue(key, out var feature) && feature is { Bytes: [var text, ..] } ? Encoding.UTF8.GetString(text.Span) : null;
}
