using System.Text;
using System.Text.Json;

namespace Serving.Experiments;

/// <summary>Two scores of one prompt, in [0,1].</summary>
internal readonly record struct ScoredPair(double BestOfN, double Distilled);

/// <summary>Anybody's pairs: JSON Lines {"best_of_n": x, "distilled": y}; further members are allowed, empty lines are skipped. Stateless.</summary>
internal static class ScoredPairs
{
    private const string Example = "each line is like {\"best_of_n\": 0.71, \"distilled\": 0.68}, with scores in [0, 1]";

    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads them one by one.</summary>
    /// <exception cref="ExperimentException">A line is wrong; the message names it.</exception>
    public static IEnumerable<ScoredPair> Read(string path)
    {
        using var reader = new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        for (var number = 1; ReadLine(reader, path, number) is { } line; number++)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return Parse(line, path, number);
            }
        }
    }

    private static string? ReadLine(StreamReader reader, string path, int number)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (DecoderFallbackException e)
        {
            throw Wrong(path, number, "this or one of the next lines is not UTF-8", e);
        }
    }

    private static ScoredPair Parse(string line, string path, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line, _strict);
            return document.RootElement.ValueKind is JsonValueKind.Object
                ? new ScoredPair(Score(document.RootElement, "best_of_n", path, number), Score(document.RootElement, "distilled", path, number))
                : throw Wrong(path, number, $"this is a JSON {document.RootElement.ValueKind}");
        }
        catch (JsonException e)
        {
            throw Wrong(path, number, $"this is not JSON ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static double Score(JsonElement pair, string name, string path, int number) =>
        !pair.TryGetProperty(name, out var value) ? throw Wrong(path, number, $"\"{name}\" is missing")
        : value.ValueKind is not JsonValueKind.Number ? throw Wrong(path, number, $"\"{name}\" is {value.GetRawText()}, not a number")
        : value.GetDouble() is >= 0 and <= 1 and var score ? score
        : throw Wrong(path, number, $"\"{name}\" is {value.GetRawText()}, not in [0, 1]");

    private static ExperimentException Wrong(string path, int number, string what, Exception? inner = null) =>
        new($"{path}, line {number}: {what}; {Example}.", inner);
}
