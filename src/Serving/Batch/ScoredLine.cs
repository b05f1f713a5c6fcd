using System.Text.Json;

namespace Serving.Batch;

/// <summary>A line that <see cref="PairWork"/> has written, read again. Immutable.</summary>
/// <param name="Total">Null for an error.</param>
/// <param name="Scores">By scorer; empty for an error.</param>
/// <param name="Error">Its message.</param>
internal sealed record ScoredLine(double? Total, IReadOnlyDictionary<string, float> Scores, string? Error)
{
    public static ScoredLine Parse(ReadOnlyMemory<byte> line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.TryGetProperty("error", out var error)
            ? new ScoredLine(null, new Dictionary<string, float>(), error.GetProperty("message").GetString())
            : new ScoredLine(
                json.RootElement.GetProperty("total").GetDouble(),
                json.RootElement.GetProperty("scores").EnumerateObject().ToDictionary(score => score.Name, score => score.Value.GetSingle()),
                null);
    }
}
