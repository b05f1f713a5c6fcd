using System.Text.Json.Nodes;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class EpisodeFoldersTests : IDisposable
{
    private readonly BatchFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_episodes_of_a_server_scored_again_are_the_same_episodes()
    {
        await using var app = new ServingApp(publish: store => Copy(_folder.Models.Root, store.Root));
        await app.ReadyAsync(Token);
        for (var i = 0; i < 6; i++)
        {
            await app.ChatAsync("best-of-n", $"Perl module {i}", """ "max_tokens":6,"best_of_n":{"n":4} """, Token);
        }

        var logged = app.Episodes();
        await using (var log = new EpisodeLog(new EpisodeOptions { Root = _folder.File("log") }))
        {
            foreach (var episode in logged)
            {
                await log.AppendAsync(episode, Token);
            }
        }

        Assert.Equal(0, await _folder.Score("log", "again"));

        var again = new EpisodeReader(_folder.File("again")).ReadAll().ToArray();
        Assert.Equal(logged.Select(EpisodeSamples.Describe), again.Select(EpisodeSamples.Describe));
    }

    [Fact]
    public async Task Another_scorecard_gives_new_totals_to_a_folder_and_to_lines_also_after_a_kill()
    {
        var random = new Random(3);
        await LogAsync("log", [.. Enumerable.Range(0, 5).Select(i => EpisodeSamples.Usual($"e{i}", 3, 4, random))]);
        string[] style = ["--Scoring:Scorecards:light:style:Weight=2", "--Scoring:Scorecards:light:consensus:Weight=1", "--scorecard", "light"];

        Assert.Equal(0, await _folder.Score("log", "lines.jsonl", style));
        Assert.Equal(0, await _folder.Score("log", "whole", style));
        var (lines, progress) = (await _folder.BytesAsync("lines.jsonl"), await _folder.BytesAsync("lines.jsonl.progress"));
        await File.WriteAllBytesAsync(_folder.File("broken.lines"), lines[..(lines.Length / 2)], Token);
        await File.WriteAllBytesAsync(_folder.File("broken.progress"), progress, Token);
        await LogAsync("broken.partial", [EpisodeSamples.Small("left by a kill")]);
        Assert.Equal(0, await _folder.Score("log", "broken", style));
        Assert.Equal(0, await _folder.Score("log", "broken", style));

        var told = await _folder.LinesAsync("lines.jsonl");
        foreach (var name in (string[])["whole", "broken"])
        {
            var episodes = new EpisodeReader(_folder.File(name)).ReadAll().ToArray();
            Assert.Equal(["e0", "e1", "e2", "e3", "e4"], episodes.Select(episode => episode.Id));
            Assert.All(episodes, episode => Assert.Equal("light", episode.Scorecard));
            Assert.All(episodes.Zip(told), pair =>
            {
                Assert.Equal(pair.Second["candidates"]!.AsArray().Select(c => (double)c!["total"]!), pair.First.Candidates.Select(c => c.Total));
                Assert.All(pair.First.Candidates, c => Assert.Equal(["consensus", "style"], c.Scores.Select(score => score.Key)));
                Assert.All(pair.First.Candidates, c => Assert.Equal(c.Scores[0].Value + (2.0 * c.Scores[1].Value), c.Total));
                Assert.True(pair.First.Candidates[0].Scores[0].Value > 0);        // they are compared with each other
            });
        }

        Assert.Equal(2, await _folder.Score("log", "whole"));        // another scorecard: the folder is not touched
        Assert.Equal(2, await _folder.Score("log", "x.parquet"));
    }

    [Fact]
    public async Task Any_rlds_dataset_gives_pairs_by_the_names_of_its_texts()
    {
        await LogAsync("other", [EpisodeSamples.Small("a"), EpisodeSamples.Small("b") with { Source = "archives" }]);
        var features = _folder.File("other/serving_episodes/1.1.0/features.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(features, Token))!;
        json["featuresDict"]!["features"]!["steps"]!["sequence"]!["feature"]!["featuresDict"]!["features"]!.AsObject().Remove("candidates");
        await File.WriteAllTextAsync(features, json.ToJsonString(), Token);
        await _folder.WriteAsync("pairs.jsonl", """{"id":"0/0","source":"source","answer":"answer"}""", """{"id":"1/0","source":"archives","answer":"answer"}""");
        Assert.False(RldsFolder.Open(_folder.File("other")).IsOurs);

        Assert.Equal(0, await _folder.Score("pairs.jsonl", "expected.jsonl"));
        Assert.Equal(0, await _folder.Score("other", "scores.jsonl", "--source-field", "observation/source"));
        Assert.Equal(0, await _folder.Score("other", "scores.parquet", "--source-field", "observation/source"));
        Assert.Equal(2, await _folder.Score("other", "x.jsonl", "--source-field", "observation/sauce"));
        Assert.Equal(2, await _folder.Score("other", "x/"));

        Assert.Equal(await _folder.BytesAsync("expected.jsonl"), await _folder.BytesAsync("scores.jsonl"));
    }

    private async Task LogAsync(string name, Episode[] episodes)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = _folder.File(name) });
        foreach (var episode in episodes)
        {
            await log.AppendAsync(episode, Token);
        }
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
