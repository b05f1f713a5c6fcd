using System.Text.Json;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// TRL's preference format, a pair per episode: the candidate of the highest total against that of the lowest. "prompt" is the templated prompt, so
/// that both answers continue it as the policy saw it; "source" is the user's text. Stateless.
/// </summary>
internal static class PreferenceExport
{
    public static (long Written, string What, string Skipped) Write(IEnumerable<Episode> episodes, string path) => NewFile.Write(path, file =>
    {
        var (written, skipped) = (0L, 0L);
        using var json = new Utf8JsonWriter(file, JsonLines.Options);
        foreach (var episode in episodes)
        {
            if (Pair(episode) is not var (best, worst))
            {
                skipped++;
                continue;
            }

            json.WriteStartObject();
            JsonLines.Text(json, "prompt", episode.Prompt);
            JsonLines.Text(json, "chosen", best.Text);
            JsonLines.Text(json, "rejected", worst.Text);
            JsonLines.Number(json, "score_chosen", best.Total);
            JsonLines.Number(json, "score_rejected", worst.Total);
            JsonLines.Number(json, "margin", best.Total - worst.Total);
            JsonLines.Text(json, "source", episode.Source);
            JsonLines.Text(json, "prompt_id", episode.Id);
            json.WriteEndObject();
            json.Flush();
            file.WriteByte((byte)'\n');
            json.Reset();
            written++;
        }

        return (written, "pairs", skipped == 0 ? "" : $"{skipped} episodes without a preference (invalid, one candidate, equal texts or totals) left out");
    });

    /// <summary>Of equal totals the first; null when nothing is preferred to anything.</summary>
    private static (EpisodeCandidate Best, EpisodeCandidate Worst)? Pair(Episode episode)
    {
        var rated = episode.Candidates.Where(candidate => !double.IsNaN(candidate.Total)).ToArray();
        if (episode.Invalid || rated.Length < 2)
        {
            return null;
        }

        var (best, worst) = (rated.MaxBy(candidate => candidate.Total)!, rated.MinBy(candidate => candidate.Total)!);
        return best.Total > worst.Total && best.Text != worst.Text ? (best, worst) : null;
    }
}
