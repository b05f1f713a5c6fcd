using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Pairs for the benchmarks of the verb "score", of the lengths that package descriptions have. Seeded.</summary>
internal static class BatchPairs
{
    private const int LeastWords = 15;
    private const int MostWords = 110;
    private const int LeastAnswer = 3;
    private const int MostAnswer = 12;

    /// <param name="path">JSON Lines of {"source", "answer"} or {"document", "summary"}, read again from the top when they end; null = spans of the texts that the demo asks about.</param>
    /// <param name="count">Pairs.</param>
    public static IEnumerable<(string Source, string Answer)> Read(string? path, int count) =>
        path is null ? Spans(count) : Repeat(path).Take(count);

    /// <summary>Writes them as the verb reads them.</summary>
    public static void Write(string target, string? path, int count)
    {
        using var file = File.CreateText(target);
        var id = 0;
        foreach (var (source, answer) in Read(path, count))
        {
            file.WriteLine(new JsonObject { ["id"] = id++, ["source"] = source, ["answer"] = answer }.ToJsonString());
        }
    }

    private static IEnumerable<(string Source, string Answer)> Repeat(string path)
    {
        while (true)
        {
            foreach (var line in File.ReadLines(path))
            {
                var pair = JsonDocument.Parse(line).RootElement;
                yield return pair.TryGetProperty("source", out var source)
                    ? (source.GetString()!, pair.GetProperty("answer").GetString()!)
                    : (pair.GetProperty("document").GetString()!, pair.GetProperty("summary").GetString()!);
            }
        }
    }

    private static IEnumerable<(string Source, string Answer)> Spans(int count)
    {
        var random = new Random(1);
        var words = File.ReadAllText(Path.Combine(Repository.Root, "src", "Serving", "Demo", "descriptions.txt")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        string Span(int least, int most)
        {
            var length = random.Next(least, most);
            var start = random.Next(words.Length - length);
            return string.Join(' ', words[start..(start + length)]);
        }

        return Enumerable.Range(0, count).Select(_ => (Span(LeastWords, MostWords), Span(LeastAnswer, MostAnswer)));
    }
}
