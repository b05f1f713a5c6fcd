using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.Comparison;

/// <summary>The verb "ab compare" as a program of its own, with tiny models.</summary>
public sealed class CompareTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CompareTests()
    {
        var store = new ModelStore(Models, TimeProvider.System);
        ServingApp.PublishDefaults(store);
        TinyScorer.Publish(store, "judge", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 9);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Models => _folder.File("models");

    private string Prompts => _folder.File("prompts.jsonl");

    private string Pairs => _folder.File("pairs.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_makes_a_pair_of_every_prompt_and_shows_both_arms()
    {
        await File.WriteAllLinesAsync(Prompts, ["""{"prompt": "dates"}""", """{"document": "archives"}""", """{"messages": [{"role": "user", "content": "tables"}]}"""], Token);

        var (code, output) = await CompareAsync();

        Assert.Equal(0, code);
        Assert.Contains("best-of-2:anchor@1", output, StringComparison.Ordinal);
        Assert.Contains("student@1", output, StringComparison.Ordinal);
        var pairs = await File.ReadAllLinesAsync(Pairs, Token);
        Assert.Equal(3, pairs.Length);
        Assert.All(pairs.Select(line => JsonNode.Parse(line)!), pair => Assert.All(new[] { "best_of_n", "distilled" }, arm => Assert.InRange((double)pair[arm]!, 0, 1)));
    }

    [Fact]
    public async Task A_prompt_that_is_too_long_is_left_out_and_named()
    {
        await File.WriteAllLinesAsync(Prompts, ["""{"prompt": "dates"}""", "", "{\"prompt\": \"" + string.Concat(Enumerable.Repeat("dates ", 20_000)) + "\"}", """{"prompt": "tables"}"""], Token);

        var (code, output) = await CompareAsync();

        Assert.Equal(0, code);
        Assert.Contains("1 of 3 prompts were left out; the first, line 3: ", output, StringComparison.Ordinal);
        Assert.Equal(2, (await File.ReadAllLinesAsync(Pairs, Token)).Length);
    }

    [Fact]
    public async Task When_every_prompt_is_too_long_nothing_is_shown()
    {
        await File.WriteAllLinesAsync(Prompts, ["{\"prompt\": \"" + string.Concat(Enumerable.Repeat("dates ", 20_000)) + "\"}"], Token);

        var (code, output) = await CompareAsync();

        Assert.Equal(1, code);
        Assert.Contains("1 of 1 prompts were left out; the first, line 1: ", output, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output)> CompareAsync()
    {
        await using var program = ServerProcess.Launch(
            "ab", "compare", "--prompts", Prompts, "--models", Models, "--out", Pairs, "--candidates", "2", "--max-tokens", "4");
        await program.WaitForExitAsync(Token);
        return (program.ExitCode, program.Output);
    }
}
