using System.Text.Json.Nodes;
using Serving.Batch;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

/// <summary>A registry of tiny models, a folder for files, and the verb "score" run over them as the program does.</summary>
internal sealed class BatchFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public BatchFolder()
    {
        Models = new ModelStore(_folder.File("models"), TimeProvider.System);
        ServingApp.PublishDefaults(Models);
    }

    public ModelStore Models { get; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public string File(string name) => _folder.File(name);

    public void Dispose() => _folder.Dispose();

    public Task<int> Score(string input, string output, params string[] more)
    {
        var root = new System.CommandLine.RootCommand { ScoreCommand.Create() };
        return root.Parse(["score", "--in", File(input), "--out", File(output), "--models", Models.Root, "--Onnx:Threads=1", .. more]).InvokeAsync(null, Token);
    }

    public Task WriteAsync(string name, params IEnumerable<string> lines) => System.IO.File.WriteAllLinesAsync(File(name), lines, Token);

    public async Task<JsonNode[]> LinesAsync(string name) => [.. (await System.IO.File.ReadAllLinesAsync(File(name), Token)).Select(line => JsonNode.Parse(line)!)];

    public Task<byte[]> BytesAsync(string name) => System.IO.File.ReadAllBytesAsync(File(name), Token);
}
