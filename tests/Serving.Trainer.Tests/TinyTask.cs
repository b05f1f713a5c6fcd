using System.Text.Json;
using Serving.Testing;
using Serving.Tokenization;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests;

/// <summary>A small made-up task in a temporary folder: descriptions and synopses of invented packages, and a tokenizer trained on them.</summary>
internal sealed class TinyTask : IDisposable
{
    private static readonly string[] _things = ["trees", "graphs", "sounds", "fonts", "maps", "clocks", "ledgers", "comets"];
    private static readonly string[] _roles = ["viewer", "library", "editor", "converter", "daemon"];

    private readonly TemporaryFolder _folder = new();

    public TinyTask()
    {
        Examples =
        [
            .. Enumerable.Range(0, 40).Select(i => new TaskExample(
                $"package-{i}",
                "misc",
                $"This is a {_roles[i % 5]} for {_things[i % 8]}. It reads version {i} of the format.\nIt also prints them.",
                $"{_roles[i % 5]} for {_things[i % 8]}, format {i}")),
        ];
        Data = _folder.File("task.jsonl");
        File.WriteAllLines(Data, Examples.Select(example => JsonSerializer.Serialize(example, JsonSerializerOptions.Web)));
        BytePairTrainer.Train(Examples.SelectMany(example => new[] { example.Document, example.Summary }), 400, TaskTokens.Specials)
            .Write(_folder.Path, TaskTokens.ChatTemplate);
    }

    public IReadOnlyList<TaskExample> Examples { get; }

    public string Data { get; }

    /// <summary>The folder, with tokenizer.json.</summary>
    public string Folder => _folder.Path;

    public TextTokenizer Tokenizer => TextTokenizer.Load(_folder.Path);

    public string Run(string name) => _folder.File(name);

    public void Dispose() => _folder.Dispose();
}
