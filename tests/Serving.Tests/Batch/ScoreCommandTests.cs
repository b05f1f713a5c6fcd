using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Serving.Batch;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class ScoreCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public ScoreCommandTests()
    {
        _store = new ModelStore(_folder.File("models"), TimeProvider.System);
        TinyScorer.PublishBoth(_store);
    }

    private string Input => _folder.File("pairs.jsonl");

    private string Output => _folder.File("scores.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_is_scored_in_order_with_the_bits_of_online_scoring()
    {
        var random = new Random(6);
        string[] words = ["compressed", "archives", "address", "books", "the", "plots.", "Games", "of", "war"];
        var pairs = Enumerable.Range(0, 60).Select(_ => (Source: Words(30), Answer: Words(8))).ToArray();
        string Words(int most) => string.Join(' ', Enumerable.Range(0, random.Next(most)).Select(_ => words[random.Next(words.Length)]));
        await File.WriteAllLinesAsync(Input, pairs.Select((pair, i) =>
            new JsonObject { ["id"] = $"pair {i}", ["source"] = pair.Source, ["answer"] = pair.Answer }.ToJsonString()), TestContext.Current.CancellationToken);

        Assert.Equal(0, await Score("--batch", "7"));

        using var online = new Scorecards(Options.Create(new ScoringOptions { MaxBatch = 1 }), Options.Create(new OnnxOptions()), _store);
        online.Load();
        var lines = await File.ReadAllLinesAsync(Output, TestContext.Current.CancellationToken);
        Assert.Equal(pairs.Length, lines.Length);
        for (var i = 0; i < lines.Length; i++)
        {
            var expected = await online.Default.ScoreAsync(pairs[i].Source, pairs[i].Answer, TestContext.Current.CancellationToken);
            var line = JsonNode.Parse(lines[i])!;
            Assert.Equal($"pair {i}", (string?)line["id"]);
            Assert.Equal(expected.Total, (double)line["total"]!);
            Assert.Equal(expected.Values, line["scores"]!.AsObject().Select(score => new KeyValuePair<string, float>(score.Key, (float)score.Value!)));
        }
    }

    [Fact]
    public async Task A_bad_line_gives_an_error_line_and_an_exit_code_but_no_stop()
    {
        await File.WriteAllTextAsync(Input, """
            {"id": 1, "source": "archives", "answer": "reads archives"}
            not JSON at all
            {"id": 3, "source": "archives"}
            [1, 2]

            {"id": {"a": 6}, "source": "archives", "answer": 5}
            {"id": 7, "source": "archives", "answer": "\ud800"}
            {"id": 8, "source": "a", "source": "b", "answer": "c"}
            {"source": "archives", "answer": "reads archives"}
            """, TestContext.Current.CancellationToken);

        Assert.Equal(1, await Score());

        var lines = (await File.ReadAllLinesAsync(Output, TestContext.Current.CancellationToken)).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal(["1", "2", "3", "4", """{"a":6}""", "7", "8", "9"], lines.Select(line => line["id"]!.ToJsonString()));
        Assert.Equal([true, false, false, false, false, false, false, true], lines.Select(line => line["total"] is not null));
        var messages = lines.Where(line => line["error"] is not null).Select(line => (string)line["error"]!["message"]!).ToArray();
        Assert.Contains("not valid JSON", messages[0]);
        Assert.Contains("\"answer\" is missing", messages[1]);
        Assert.Contains("expected a JSON object", messages[2]);
        Assert.Contains("\"answer\" must be a string", messages[3]);
        Assert.Contains("surrogate", messages[4]);
        Assert.Equal(lines[0]["total"]!.ToJsonString(), lines[7]["total"]!.ToJsonString());

        Assert.Equal(1, await Score());        // nothing left to do, and the errors are not forgotten
    }

    [Fact]
    public async Task Settings_may_be_given_as_to_the_server_and_other_words_are_refused()
    {
        await File.WriteAllTextAsync(Input, """{"id":"x","source":"s","answer":"a"}""", TestContext.Current.CancellationToken);

        Assert.Equal(2, await Score("--bacth", "3"));
        Assert.Equal(2, await Score("--Scoring:Scorecards:light:style:Weight"));
        Assert.Equal(0, await Score("--Scoring:Scorecards:light:style:Weight=3", "--scorecard", "light"));

        var line = JsonNode.Parse(await File.ReadAllTextAsync(Output, TestContext.Current.CancellationToken))!;
        Assert.Equal(["style"], line["scores"]!.AsObject().Select(score => score.Key));
        Assert.Equal(3 * (double)line["scores"]!["style"]!, (double)line["total"]!);
    }

    [Fact]
    public async Task Other_fields_are_passed_on_letter_for_letter()
    {
        await File.WriteAllTextAsync(
            Input,
            """{"id":"x","big":12345678901234567890.10,"source":"s","total":"theirs","text":"\u00e9é\/","answer":"a","deep":{"b": [1, null]}}""",
            TestContext.Current.CancellationToken);

        Assert.Equal(0, await Score());

        var line = await File.ReadAllTextAsync(Output, TestContext.Current.CancellationToken);
        Assert.StartsWith("""{"id":"x","big":12345678901234567890.10,"text":"\u00e9é\/","deep":{"b": [1, null]},"scores":{"consensus":0,"entailment":""", line, StringComparison.Ordinal);
        Assert.DoesNotContain("theirs", line);
    }

    [Fact]
    public async Task What_cannot_run_says_so_and_leaves_the_files_alone()
    {
        await File.WriteAllTextAsync(Input, """{"source":"s","answer":"a"}""", TestContext.Current.CancellationToken);

        Assert.Equal(2, await Run("score", "--in", Input, "--out", Output, "--models", _folder.File("nowhere")));
        Assert.Equal(2, await Score("--scorecard", "unheard-of"));
        Assert.Equal(2, await Score("--batch", "0"));
        Assert.Equal(2, await Run("score", "--in", _folder.File("missing.jsonl"), "--out", Output, "--models", _store.Root));
        Assert.Equal(2, await Run("score", "--in", Input, "--out", Input, "--models", _store.Root));

        Assert.False(File.Exists(Output));
        Assert.Equal("""{"source":"s","answer":"a"}""", await File.ReadAllTextAsync(Input, TestContext.Current.CancellationToken));
    }

    private Task<int> Score(params string[] more) => Run(["score", "--in", Input, "--out", Output, "--models", _store.Root, .. more]);

    private static Task<int> Run(params string[] arguments)
    {
        var root = new System.CommandLine.RootCommand { ScoreCommand.Create() };
        return root.Parse(arguments).InvokeAsync(null, TestContext.Current.CancellationToken);
    }
}
