using System.Globalization;
using System.Text.Json;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>What a user may name as a scorecard: one of the configuration, a JSON file, or weights as they are. Stateless.</summary>
internal static class RerankScorecard
{
    /// <summary>A name that no configuration has, for a scorecard that comes from elsewhere.</summary>
    private const string Given = "(given)";

    /// <summary>Reads <paramref name="scorecard"/>: settings that make it the scorecard in use, and how it is called.</summary>
    /// <param name="scorecard">"name", "file.json" as {"entailment": {"Weight": 1, "VetoBelow": -3}, "style": 2}, or "entailment=1,style=2".</param>
    /// <exception cref="BatchException">A file or a weight that cannot be read.</exception>
    public static (Dictionary<string, string?> Settings, string Name) Read(string scorecard)
    {
        var entries = scorecard.Contains('=', StringComparison.Ordinal) ? Inline(scorecard) : File.Exists(scorecard) ? FromFile(scorecard) : null;
        const string Chosen = $"{ScoringOptions.Section}:{nameof(ScoringOptions.Scorecard)}";
        if (entries is null)
        {
            return (new() { [Chosen] = scorecard }, scorecard);
        }

        var settings = new Dictionary<string, string?> { [Chosen] = Given };
        foreach (var (scorer, weight, veto) in entries)
        {
            var path = $"{ScoringOptions.Section}:{nameof(ScoringOptions.Scorecards)}:{Given}:{scorer}";
            settings[$"{path}:{nameof(ScorerWeight.Weight)}"] = weight.ToString("R", CultureInfo.InvariantCulture);
            if (veto is { } below)
            {
                settings[$"{path}:{nameof(ScorerWeight.VetoBelow)}"] = below.ToString("R", CultureInfo.InvariantCulture);
            }
        }

        return (settings, scorecard);
    }

    private static List<ScorecardEntry> Inline(string text)
    {
        var entries = new List<ScorecardEntry>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (part.Split('=', 2, StringSplitOptions.TrimEntries) is not [{ Length: > 0 } scorer, var weight]
                || !double.TryParse(weight, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
            {
                throw new BatchException($"--scorecard {text}: \"{part}\" is no weight; write SCORER=NUMBER, as in entailment=1,style=0.5.");
            }

            entries.Add(new ScorecardEntry(scorer, value));
        }

        return entries;
    }

    private static List<ScorecardEntry> FromFile(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. json.RootElement.EnumerateObject().Select(Entry)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new BatchException(
                $"--scorecard {path}: {e.Message} Write an object of scorers and weights, as in {{\"entailment\": {{\"Weight\": 1, \"VetoBelow\": -3}}, \"style\": 0.5}}.");
        }
    }

    private static ScorecardEntry Entry(JsonProperty property)
    {
        if (property.Value.ValueKind is JsonValueKind.Number)
        {
            return new ScorecardEntry(property.Name, property.Value.GetDouble());
        }

        var (weight, veto) = (1.0, (float?)null);
        foreach (var member in property.Value.EnumerateObject())
        {
            if (member.NameEquals(nameof(ScorerWeight.Weight)))
            {
                weight = member.Value.GetDouble();
            }
            else if (member.NameEquals(nameof(ScorerWeight.VetoBelow)))
            {
                veto = member.Value.ValueKind is JsonValueKind.Null ? null : member.Value.GetSingle();
            }
            else
            {
                throw new FormatException($"\"{property.Name}\" has a member \"{member.Name}\", which is neither Weight nor VetoBelow.");
            }
        }

        return new ScorecardEntry(property.Name, weight, veto);
    }
}
