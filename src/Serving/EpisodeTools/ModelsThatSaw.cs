using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Models;

namespace Serving.EpisodeTools;

/// <summary>
/// Which versions of a registry may know a record of a log: those whose manifest says that training read the log from its beginning to behind the record
/// ("training.episodes" is how many), and those that have such a version among their parents. Deletions only move records forward, so none is missed; a version
/// that read another log may be listed too, and its "training.log" tells. Stateless.
/// </summary>
internal static class ModelsThatSaw
{
    /// <param name="models">Folder of the registry.</param>
    /// <param name="number">Number of the record in its log, from 0.</param>
    /// <returns>A line each: the version and why.</returns>
    public static IEnumerable<string> Of(string models, long number)
    {
        var store = new ModelStore(models, TimeProvider.System);
        var versions = store.Names().SelectMany(store.Versions).ToDictionary(version => version.Id, StringComparer.Ordinal);
        foreach (var version in versions.Values.OrderBy(version => version.Id, StringComparer.Ordinal))
        {
            var line = new HashSet<string>(StringComparer.Ordinal);
            for (var at = version; at is not null && line.Add(at.Id); at = at.Manifest.Parent is { } parent ? versions.GetValueOrDefault(parent) : null)
            {
                if (Read(at.Manifest.Training) > number)
                {
                    var log = at.Manifest.Training!["log"]?.ToString() is { } place ? $" of {place}" : "";
                    yield return string.Create(
                        CultureInfo.InvariantCulture,
                        $"{version.Id}: {(at == version ? "trained" : $"descends from {at.Id}, trained")} on the first {Read(at.Manifest.Training)} episodes{log}");
                    break;
                }
            }
        }
    }

    private static long Read(JsonObject? training) => training?["episodes"] is JsonValue value && value.TryGetValue<long>(out var episodes) ? episodes : 0;
}
