using System.Globalization;
using System.Text.Json;
using Serving.EpisodeTools;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>What "episodes rerank" found, for people and for programs. Immutable.</summary>
/// <param name="Name">How the user called the scorecard.</param>
/// <param name="Card">The scorecard.</param>
/// <param name="Folders">What was read.</param>
/// <param name="Summary">What would have changed.</param>
/// <param name="Invalid">Episodes that were broken off, and left out.</param>
/// <param name="Scored">Texts that a scorer was run on because the log had no score of it.</param>
internal sealed record RerankReport(
    string Name, Scorecard Card, IReadOnlyList<string> Folders, RerankSummary Summary, long Invalid, IReadOnlyDictionary<string, long> Scored)
{
    private const int LongestText = 200;

    public void WriteText(TextWriter output)
    {
        var weights = string.Join(", ", Card.Entries.Select(entry => Text($"{entry.Scorer} {entry.Weight}") + (entry.VetoBelow is { } veto ? Text($" (veto below {veto})") : "")));
        output.WriteLine($"scorecard   {ShownText.Of(Name)}: {weights}");
        output.WriteLine(Text($"episodes    {Summary.Episodes:N0}{(Invalid > 0 ? $", {Invalid:N0} invalid ones left out" : "")}"));
        foreach (var (scorer, texts) in Scored)
        {
            output.WriteLine(Text($"scored now  {texts:N0} answers by {scorer}, of which the log has no score"));
        }

        output.WriteLine(Text($"changed     {Summary.Changed:N0} answers ({Share:P1}), total {Summary.Gain / Math.Max(1, Summary.Episodes):+0.0000;-0.0000;0} in the mean of all"));
        output.WriteLine(Text($"{"score",-12}{"went out",10}{"would have",12}{"change",10}{"of changed",12}"));
        foreach (var (scorer, change) in Summary.Scores)
        {
            output.WriteLine(Text(
                $"{ShownText.Of(scorer, 40),-12}{change.Old,10:0.0000}{change.New,12:0.0000}{change.Change,10:+0.0000;-0.0000;0}{change.ChangeOfChanged,12:+0.0000;-0.0000;0}"));
        }

        foreach (var example in Summary.Examples)
        {
            output.WriteLine();
            output.WriteLine($"{ShownText.Of(example.Episode.Id)}  {ShownText.Of(example.Episode.Source, LongestText)}");
            output.WriteLine(Answer("went out  ", example, example.Episode.Chosen));
            output.WriteLine(Answer("would have", example, example.Best));
        }
    }

    /// <summary>One object. Numbers that JSON lacks are texts, as in the exports.</summary>
    public void WriteJson(Stream output)
    {
        using var json = new Utf8JsonWriter(output, JsonLines.Options with { Indented = true });
        json.WriteStartObject();
        JsonLines.Text(json, "scorecard", Name);
        json.WriteStartObject("weights");
        foreach (var entry in Card.Entries)
        {
            json.WriteStartObject(entry.Scorer);
            json.WriteNumber("weight", entry.Weight);
            if (entry.VetoBelow is { } veto)
            {
                json.WriteNumber("veto_below", veto);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartArray("folders");
        foreach (var folder in Folders)
        {
            JsonLines.Text(json, folder);
        }

        json.WriteEndArray();
        json.WriteNumber("episodes", Summary.Episodes);
        json.WriteNumber("invalid", Invalid);
        json.WriteNumber("changed", Summary.Changed);
        json.WriteNumber("share", Share);
        JsonLines.Number(json, "total_change", Summary.Gain / Math.Max(1, Summary.Episodes));
        json.WriteStartObject("scored_now");
        foreach (var (scorer, texts) in Scored)
        {
            json.WriteNumber(scorer, texts);
        }

        json.WriteEndObject();
        json.WriteStartObject("scores");
        foreach (var (scorer, change) in Summary.Scores)
        {
            JsonLines.Name(json, scorer);
            json.WriteStartObject();
            json.WriteNumber("episodes", change.Episodes);
            JsonLines.Number(json, "old", change.Old);
            JsonLines.Number(json, "new", change.New);
            JsonLines.Number(json, "change", change.Change);
            if (change.ChangeOfChanged is { } ofChanged)
            {
                JsonLines.Number(json, "change_of_changed", ofChanged);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartArray("examples");
        foreach (var example in Summary.Examples)
        {
            json.WriteStartObject();
            JsonLines.Text(json, "id", example.Episode.Id);
            JsonLines.Text(json, "source", example.Episode.Source);
            Answer(json, "old", example, example.Episode.Chosen);
            Answer(json, "new", example, example.Best);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteByte((byte)'\n');
    }

    private double Share => Summary.Episodes == 0 ? 0 : (double)Summary.Changed / Summary.Episodes;

    private static void Answer(Utf8JsonWriter json, string name, RerankedEpisode episode, int index)
    {
        json.WriteStartObject(name);
        json.WriteNumber("index", index);
        JsonLines.Text(json, "text", episode.Episode.Candidates[index].Text);
        JsonLines.Number(json, "total", episode.Totals[index]);
        json.WriteStartObject("scores");
        foreach (var (scorer, value) in episode.Scores[index])
        {
            JsonLines.Name(json, scorer);
            JsonLines.Number(json, value);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Answer(string label, RerankedEpisode episode, int index) => Text(
        $"  {label} {episode.Totals[index],9:0.0000}  {ShownText.Of(episode.Episode.Candidates[index].Text, LongestText)}  ({string.Join(", ", episode.Scores[index].Select(score => Text($"{ShownText.Of(score.Key, 40)} {score.Value:0.000}")))})");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
