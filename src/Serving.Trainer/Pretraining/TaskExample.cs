using System.Text.Json;

namespace Serving.Trainer.Pretraining;

/// <summary>One pair of the task: a package description and its one-line synopsis.</summary>
public sealed record TaskExample(string Id, string Section, string Document, string Summary)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);

    /// <summary>Reads JSON Lines with the fields id, section, document, summary.</summary>
    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<TaskExample> Read(string path) => Read(path, example => example.Summary is { Length: > 0 }, "document or summary is missing");

    /// <summary>Reads JSON Lines of documents alone: the summary of each is empty.</summary>
    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<TaskExample> ReadDocuments(string path) =>
        [.. Read(path, _ => true, "document is missing").Select(example => example with { Summary = "" })];

    /// <summary>Reads JSON Lines of documents, some or all with a summary: that of the others is empty.</summary>
    /// <exception cref="InvalidDataException">A line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<TaskExample> ReadPrompts(string path) =>
        [.. Read(path, _ => true, "document is missing").Select(example => example with { Summary = example.Summary ?? "" })];

    private static List<TaskExample> Read(string path, Func<TaskExample, bool> whole, string problem)
    {
        var examples = new List<TaskExample>();
        foreach (var line in File.ReadLines(path))
        {
            if (line.Length == 0)
            {
                continue;
            }

            try
            {
                var example = JsonSerializer.Deserialize<TaskExample>(line, _json);
                examples.Add(example is { Document.Length: > 0 } && whole(example) ? example : throw new JsonException(problem));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}, line {examples.Count + 1}: {e.Message}");
            }
        }

        return examples;
    }
}
