using Xunit;

namespace Serving.Tests.Batch;

public sealed class PreferenceFilesTests : IDisposable
{
    private static readonly string[] _draws = ["--n", "4", "--seed", "9", "--max-tokens", "6", "--temperature", "0.8"];

    private readonly BatchFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Prompts_become_the_best_and_the_worst_of_n_by_the_seed_also_after_a_kill()
    {
        await _folder.WriteAsync(
            "prompts.jsonl",
            [
                .. Enumerable.Range(0, 8).Select(i => $$"""{"id":"p{{i}}","prompt":"Perl module {{i}}"}"""),
                """{"messages":[{"role":"system","content":"short"},{"role":"user","content":"archives"}]}""",
                """{"id":"none"}""",
                "broken",
            ]);

        Assert.Equal(1, await _folder.Score("prompts.jsonl", "pairs.jsonl", _draws));

        var pairs = await _folder.LinesAsync("pairs.jsonl");
        Assert.Equal(["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "9", "none", "11"], pairs.Select(pair => (string?)pair["prompt_id"]));
        foreach (var pair in pairs[..9])
        {
            Assert.True((double)pair["score_chosen"]! > (double)pair["score_rejected"]!);
            Assert.Equal((double)pair["score_chosen"]! - (double)pair["score_rejected"]!, (double)pair["margin"]!);
            Assert.NotEqual((string?)pair["chosen"], (string?)pair["rejected"]);
        }

        Assert.Equal("Perl module 3", (string?)pairs[3]["source"]);
        Assert.Equal("<s>Perl module 3<sum>", (string?)pairs[3]["prompt"]);
        Assert.Equal(["missing_required_parameter", "invalid_json"], pairs[9..].Select(pair => (string?)pair["error"]!["type"]));
        Assert.Equal([10, 11], (await _folder.LinesAsync("pairs.jsonl.errors")).Select(line => (int)line["line"]!));

        var whole = await _folder.BytesAsync("pairs.jsonl");
        await File.WriteAllBytesAsync(_folder.File("pairs.jsonl"), whole[..(whole.Length / 2)], Token);
        Assert.Equal(1, await _folder.Score("prompts.jsonl", "pairs.jsonl", _draws));
        Assert.Equal(whole, await _folder.BytesAsync("pairs.jsonl"));
        Assert.Equal(2, await _folder.Score("prompts.jsonl", "pairs.jsonl", [.. _draws, "--top-p", "0.5"]));        // other draws are not mixed in
        Assert.Equal(2, await _folder.Score("prompts.jsonl", "others.jsonl", [.. _draws, "--policy", "nobody"]));
        Assert.Equal(2, await _folder.Score("prompts.jsonl", "others.jsonl", "--n", "1"));
        Assert.Equal(1, await _folder.Score("prompts.jsonl", "others.jsonl", [.. _draws, "--policy", "student"]));
        Assert.NotEqual(whole, await _folder.BytesAsync("others.jsonl"));
    }

    [Fact]
    public async Task A_group_without_a_preference_gives_no_line_and_is_not_drawn_again()
    {
        await _folder.WriteAsync("prompts.jsonl", Enumerable.Range(0, 4).Select(i => $$"""{"prompt":"Perl module {{i}}"}"""));

        Assert.Equal(0, await _folder.Score("prompts.jsonl", "pairs.jsonl", "--n", "3", "--temperature", "0", "--max-tokens", "4"));
        var progress = await _folder.BytesAsync("pairs.jsonl.progress");
        Assert.Equal(0, await _folder.Score("prompts.jsonl", "pairs.jsonl", "--n", "3", "--temperature", "0", "--max-tokens", "4"));

        Assert.Empty(await _folder.BytesAsync("pairs.jsonl"));
        Assert.Equal(progress, await _folder.BytesAsync("pairs.jsonl.progress"));
        Assert.Equal(5, progress.AsSpan().Count((byte)'\n'));
    }
}
