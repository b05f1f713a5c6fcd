using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Batch;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Models;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

[Collection("console")]
public sealed class RerankTests : IDisposable
{
    private readonly BatchFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_scorecard_of_the_log_itself_changes_nothing_and_runs_no_model()
    {
        await using var app = new ServingApp();
        await app.ReadyAsync(Token);
        for (var i = 0; i < 8; i++)
        {
            await app.ChatAsync("best-of-n", $"Perl module {i}", """ "max_tokens":6,"best_of_n":{"n":4} """, Token);
        }

        await app.ChatAsync("best-of-n", "As JSON", """ "max_tokens":6,"best_of_n":{"n":4},"response_format":{"type":"json_object"} """, Token);
        await LogAsync("log", app.Episodes());

        var report = await RerankAsync("log", "default");

        Assert.Equal((9, 0, 0.0), ((int)report["episodes"]!, (int)report["changed"]!, (double)report["total_change"]!));
        Assert.Empty(report["scored_now"]!.AsObject());
        Assert.All(report["scores"]!.AsObject(), score => Assert.Equal(0, (double)score.Value!["change"]!));
        Assert.Equal(app.Episodes().Average(e => (double)e.Candidates[e.Chosen].Scores.First(s => s.Key == "reward").Value), (double)report["scores"]!["reward"]!["old"]!, 1e-9);
    }

    [Fact]
    public async Task Other_weights_over_logged_scores_tell_what_changes_by_how_much_and_show_the_largest_gains()
    {
        await LogAsync(
            "log",
            [
                Logged("keeps", 0, (1, 0), (0, 0)),
                Logged("changes", 0, (1, 0), (0, 2)),
                Logged("changes more", 0, (1, 0), (0, 4)),
                Logged("ties", 0, (1, 1), (0, 1)),
                Logged("broken off", 0, (1, 0), (0, 9)) with { Invalid = true },
            ]);

        var report = await RerankAsync("log", "reward=1", "--examples", "1");

        Assert.Equal((4, 1, 2), ((int)report["episodes"]!, (int)report["invalid"]!, (int)report["changed"]!));
        Assert.Equal((0.5, 1.5), ((double)report["share"]!, (double)report["total_change"]!));
        var (entailment, reward) = (report["scores"]!["entailment"]!, report["scores"]!["reward"]!);
        Assert.Equal((1.0, 0.5, -0.5, -1.0), Numbers(entailment));
        Assert.Equal((0.25, 1.75, 1.5, 3.0), Numbers(reward));
        var example = Assert.Single(report["examples"]!.AsArray())!;
        Assert.Equal("changes more", (string?)example["id"]);
        Assert.Equal(("answer 0", 0.0), ((string?)example["old"]!["text"], (double)example["old"]!["total"]!));
        Assert.Equal(("answer 1", 4.0), ((string?)example["new"]!["text"], (double)example["new"]!["total"]!));
    }

    [Fact]
    public async Task A_veto_and_a_file_count_as_in_serving()
    {
        await LogAsync("log", [Logged("vetoed", 1, (0.5f, 1), (0.4f, 3))]);
        await File.WriteAllTextAsync(_folder.File("card.json"), """{"reward": {"Weight": 1}, "entailment": {"Weight": 0, "VetoBelow": 0.45}}""", Token);

        var report = await RerankAsync("log", _folder.File("card.json"));

        var example = Assert.Single(report["examples"]!.AsArray())!;
        Assert.Equal((0, 1.0), ((int)example["new"]!["index"]!, (double)example["new"]!["total"]!));
        Assert.Equal(3 - Scorecard.VetoPenalty, (double)example["old"]!["total"]!);
    }

    [Fact]
    public async Task An_answer_that_is_not_the_JSON_that_was_asked_for_stays_behind()
    {
        var episode = Logged("json", 0, (1, 0), (0, 9)) with { ResponseFormat = "json_object" };
        var whole = episode.Candidates[0] with { Text = "{\"a\": 1}" };
        var broken = episode.Candidates[1] with { Text = "{\"a\": ", Total = -Scorecard.VetoPenalty };
        await LogAsync("log", [episode with { Candidates = [whole, broken] }]);

        Assert.Equal(0, (int)(await RerankAsync("log", "reward=1"))["changed"]!);
    }

    [Fact]
    public async Task What_the_log_has_no_score_of_is_scored_now_with_the_numbers_of_the_verb_score()
    {
        var random = new Random(3);
        await LogAsync("log", [.. Enumerable.Range(0, 40).Select(i => WithoutScores(EpisodeSamples.Usual($"e{i}", 4, 4, random), random))]);
        const string Light = "entailment=1,consensus=3,style=0.5,reward=0.5";
        Assert.Equal(0, await _folder.Score("log", "lines.jsonl", [.. Light.Split(',').Select(weight => weight.Split('=')).Select(w => $"--Scoring:Scorecards:light:{w[0]}:Weight={w[1]}"), "--scorecard", "light"]));

        var report = await RerankAsync("log", Light, "--examples", "100");

        var lines = (await _folder.LinesAsync("lines.jsonl")).ToDictionary(line => (string)line["id"]!, line => line["candidates"]!.AsArray().Select(c => (double)c!["total"]!).ToArray());
        var logged = new EpisodeReader(_folder.File("log")).ReadAll().ToArray();
        Assert.Equal(logged.Count(e => lines[e.Id].Max() > lines[e.Id][e.Chosen]), (int)report["changed"]!);
        Assert.NotEmpty(report["examples"]!.AsArray());
        Assert.All(report["examples"]!.AsArray(), example =>
        {
            var totals = lines[(string)example!["id"]!];
            Assert.Equal(totals.Max(), (double)example["new"]!["total"]!);
            Assert.Equal(totals[(int)example["old"]!["index"]!], (double)example["old"]!["total"]!);
        });
        Assert.Equal(["entailment", "reward", "style"], report["scored_now"]!.AsObject().Select(scorer => scorer.Key));
        Assert.Equal(160, (int)report["scored_now"]!["entailment"]!);
    }

    [Fact]
    public async Task Every_version_of_a_root_and_several_folders_are_read()
    {
        await LogAsync("log", [Logged("a", 0, (1, 0), (0, 2))]);
        await LogAsync("other", [Logged("b", 0, (1, 0), (0, 2))]);
        Directory.Move(_folder.File("other/serving_episodes/1.1.0"), _folder.File("log/serving_episodes/1.0.0"));
        await LogAsync("more", [Logged("c", 0, (1, 0), (0, 2))]);

        var report = await RerankAsync("log", "reward=1", _folder.File("more"));

        Assert.Equal(3, (int)report["changed"]!);
        Assert.Equal(["1.0.0", "1.1.0", "1.1.0"], report["folders"]!.AsArray().Select(folder => Path.GetFileName((string?)folder)));
    }

    [Fact]
    public async Task For_people_there_is_a_table_with_the_answers()
    {
        await LogAsync("log", [Logged("a", 0, (1, 0), (0, 2)), Logged("b", 0, (1, 3), (0, 2))]);

        var (code, output, _) = await RunAsync(_folder.File("log"), "--scorecard", "reward=1");

        Assert.Equal(0, code);
        Assert.Contains("changed     1 answers (50.0 %), total +1.0000 in the mean of all", output, StringComparison.Ordinal);
        Assert.Matches(@"reward +1\.5000 +2\.5000 +\+1\.0000 +\+2\.0000", output);
        Assert.Matches(@"would have +2\.0000  answer 1  \(entailment 0\.000, reward 2\.000\)", output);
    }

    [Theory]
    [InlineData("nonsense", "Scoring:Scorecard is \"nonsense\"")]
    [InlineData("reward=much", "\"reward=much\" is no weight")]
    [InlineData("luck=1", "there is no scorer \"luck\"")]
    public async Task A_scorecard_that_cannot_be_is_told_in_one_line(string scorecard, string expected)
    {
        await LogAsync("log", [Logged("a", 0, (1, 0), (0, 2))]);

        var (code, _, error) = await RunAsync(_folder.File("log"), "--scorecard", scorecard);

        Assert.Equal(2, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    private static (double, double, double, double) Numbers(JsonNode score) =>
        ((double)score["old"]!, (double)score["new"]!, (double)score["change"]!, (double)score["change_of_changed"]!);

    /// <summary>Candidates "answer 0", "answer 1" ... of these scores.</summary>
    private static Episode Logged(string id, int chosen, params (float Entailment, float Reward)[] scores)
    {
        var small = EpisodeSamples.Small(id);
        return small with
        {
            Chosen = chosen,
            Candidates = [.. scores.Select((score, i) => small.Candidates[0] with
            {
                Text = string.Create(CultureInfo.InvariantCulture, $"answer {i}"),
                Total = score.Entailment,
                Scores = [new("entailment", score.Entailment), new("reward", score.Reward)],
            })],
        };
    }

    private static Episode WithoutScores(Episode episode, Random random) => episode with
    {
        Candidates = [.. episode.Candidates.Select((candidate, i) => candidate with { Text = $"a package {i} that {(char)random.Next('a', 'z')} does things.", Scores = [] })],
    };

    private async Task LogAsync(string name, IReadOnlyList<Episode> episodes)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = _folder.File(name) });
        foreach (var episode in episodes)
        {
            await log.AppendAsync(episode, Token);
        }
    }

    private async Task<JsonNode> RerankAsync(string log, string scorecard, params string[] more)
    {
        var (code, output, error) = await RunAsync([_folder.File(log), "--scorecard", scorecard, "--json", "--models", _folder.Models.Root, "--Onnx:Threads=1", .. more]);
        Assert.True(code == 0, error);
        return JsonNode.Parse(output)!;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var episodes = EpisodesCommand.Create();
        episodes.Subcommands.Add(RerankCommand.Create());
        var (output, error) = (Console.Out, Console.Error);
        using var caughtOutput = new StringWriter();
        using var caughtError = new StringWriter();
        try
        {
            Console.SetOut(caughtOutput);
            Console.SetError(caughtError);
            var code = await new RootCommand { episodes }.Parse(["episodes", "rerank", .. arguments]).InvokeAsync(null, Token);
            return (code, caughtOutput.ToString(), caughtError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
