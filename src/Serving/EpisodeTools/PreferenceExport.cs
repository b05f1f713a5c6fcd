using System.Text.Json;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// TRL's preference format, a <see cref="PreferencePair"/> per episode. Stateless.
/// </summary>
internal static class PreferenceExport
{
    public static (long Written, string What, string Skipped) Write(IEnumerable<Episode> episodes, string path) => NewFile.Write(path, file =>
    {
        var (written, skipped) = (0L, 0L);
        using var json = new Utf8JsonWriter(file, JsonLines.Options);
        foreach (var episode in episodes)
        {
            if (episode.Invalid || PreferencePair.Of([.. episode.Candidates.Select(candidate => (candidate.Text, candidate.Total))]) is not { } pair)
            {
                skipped++;
                continue;
            }

            pair.Write(json, episode.Prompt, episode.Source, episode.Id);
            json.Flush();
            file.WriteByte((byte)'\n');
            json.Reset();
            written++;
        }

        return (written, "pairs", skipped == 0 ? "" : $"{skipped} episodes without a preference (invalid, one candidate, equal texts or totals) left out");
    });
}
