using System.Text.Encodings.Web;
using System.Text.Json;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>
/// All candidates of an episode are scored again, as a group: {"id", "candidates": [{"text", "total", "scores"}]}. Thread-safe.
/// </summary>
internal sealed class EpisodeWork(CandidateScorer scorer) : LineWork
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override string Name => $"scorecard \"{scorer.Scorecard}\"";

    public override string Digest => scorer.Digest;

    public override async Task<LineResult> RunAsync(Line line, CancellationToken cancellationToken)
    {
        Episode episode;
        try
        {
            episode = EpisodeDecoder.Decode(line.Bytes);
        }
        catch (InvalidDataException e)
        {
            throw new BatchException($"Record {line.Number}: {e.Message}. Run 'episodes verify' for all faults.");
        }

        string[] answers = [.. episode.Candidates.Select(candidate => candidate.Text)];
        try
        {
            var alone = answers.Distinct(StringComparer.Ordinal).ToDictionary(
                answer => answer, answer => scorer.ScoreAsync(episode.Source, answer, cancellationToken), StringComparer.Ordinal);
            await Task.WhenAll(alone.Values);
            return new(Scored(episode.Id, answers, scorer.InGroup(answers, [.. answers.Select(answer => alone[answer].Result)])), Failed: false);
        }
        catch (ScorerException e)
        {
            return new(Failed(episode.Id, e.Message), Failed: true);
        }
    }

    /// <summary>The scores of a line, for the episode that it was made from; null for an error.</summary>
    public static IReadOnlyList<(double Total, IReadOnlyList<KeyValuePair<string, float>> Values)>? Scores(ReadOnlyMemory<byte> line)
    {
        using var json = JsonDocument.Parse(line);
        return !json.RootElement.TryGetProperty("candidates", out var candidates) ? null : [.. candidates.EnumerateArray().Select(candidate => (
            candidate.GetProperty("total").GetDouble(),
            (IReadOnlyList<KeyValuePair<string, float>>)[
                .. candidate.GetProperty("scores").EnumerateObject().Select(score => KeyValuePair.Create(score.Name, score.Value.GetSingle()))]))];
    }

    private static byte[] Scored(string id, string[] answers, IReadOnlyList<Score> scores) => Object(json =>
    {
        JsonLines.Text(json, "id", id);
        json.WriteStartArray("candidates");
        for (var i = 0; i < answers.Length; i++)
        {
            json.WriteStartObject();
            JsonLines.Text(json, "text", answers[i]);
            json.WriteNumber("total", scores[i].Total);
            json.WriteStartObject("scores");
            foreach (var (name, value) in scores[i].Values)
            {
                json.WriteNumber(name, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static byte[] Failed(string id, string message) => Object(json =>
    {
        JsonLines.Text(json, "id", id);
        json.WriteStartObject("error");
        json.WriteString("type", "scorer_failed");
        json.WriteString("message", message);
        json.WriteEndObject();
    });

    private static byte[] Object(Action<Utf8JsonWriter> members)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, _readable))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }
}
