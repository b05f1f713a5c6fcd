using System.Text.Json;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>A policy's answers to descriptions, as the verb "sample" writes them.</summary>
internal static class PolicySamples
{
    /// <summary>JSON Lines {"id", "samples"}; several files may answer the same descriptions.</summary>
    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IReadOnlyDictionary<string, string[]> Read(IEnumerable<string> paths)
    {
        var samples = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            var number = 0;
            foreach (var line in File.ReadLines(path))
            {
                number++;
                try
                {
                    using var json = JsonDocument.Parse(line);
                    var id = json.RootElement.GetProperty("id").GetString()!;
                    var texts = json.RootElement.GetProperty("samples").EnumerateArray().Select(text => text.GetString()!).Where(text => text.Length > 0);
                    samples[id] = [.. samples.GetValueOrDefault(id, []), .. texts];
                }
                catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
                {
                    throw new InvalidDataException($"{path}, line {number}: not {{\"id\", \"samples\": [...]}} as the verb \"sample\" writes it ({e.Message}).");
                }
            }
        }

        return samples.Where(pair => pair.Value.Length > 0).ToDictionary(StringComparer.Ordinal);
    }
}
