using System.CommandLine;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;
using Serving.Trainer.Data;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class EpisodeCorpusTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Held_out_sources_are_never_trained_on_and_each_is_there_once()
    {
        await Write([.. Enumerable.Range(0, 60).Select(i => Episode("e" + i, [0, 1], source: "source " + (i % 30)))]);
        var window = new ReplayWindow(1000, 1);
        var corpus = Corpus(window, heldOut: .4);

        corpus.ReadOn();

        var held = corpus.HeldOut.Select(prompt => prompt.Source).ToArray();
        var trained = window.Next(window.Count).Select(group => group.Source).ToHashSet();
        Assert.InRange(held.Length, 5, 20);
        Assert.Equal(held.Length, held.Distinct().Count());
        Assert.DoesNotContain(held, trained.Contains);
        Assert.Equal(30, held.Length + trained.Count);
        Assert.Equal(60, corpus.Read);
        Assert.Equal(0, corpus.Skipped);
    }

    [Fact]
    public async Task What_cannot_be_used_is_skipped_and_counted()
    {
        await Write([Episode("a", [0, 1]), Episode("b", [0, 1], "student@1"), Episode("c", [0]), Episode("d", [0, 1], independent: false)]);
        var window = new ReplayWindow(1000, 1);

        var forBond = Corpus(window, needsQuantiles: true);
        forBond.ReadOn();
        var forDistillation = Corpus(new ReplayWindow(1000, 1), needsQuantiles: false);
        forDistillation.ReadOn();
        var short_ = Corpus(new ReplayWindow(1000, 1), longest: 4);
        short_.ReadOn();

        Assert.Equal("a", Assert.Single(window.Next(1)).Id);
        Assert.Equal((4, 3), (forBond.Read, forBond.Skipped));
        Assert.Equal((4, 1), (forDistillation.Read, forDistillation.Skipped));
        Assert.Equal(4, short_.Skipped);
    }

    [Fact]
    public async Task Reading_stops_at_the_limit_and_goes_on_from_there()
    {
        await Write([Episode("a", [0, 1]), Episode("b", [0, 1]), Episode("c", [0, 1])]);
        var window = new ReplayWindow(1000, 1);
        var corpus = Corpus(window);

        corpus.ReadOn(2);
        Assert.Equal((2, 2), (corpus.Read, window.Count));
        corpus.ReadOn();
        Assert.Equal((3, 3), (corpus.Read, window.Count));
        corpus.ReadOn(0);
        Assert.Equal(3, corpus.Read);
    }

    [Fact]
    public async Task It_follows_a_live_log_over_shards_and_torn_tails_into_a_new_version_folder()
    {
        var token = TestContext.Current.CancellationToken;
        var window = new ReplayWindow(1000, 1);
        var corpus = Corpus(window);
        var written = 0;
        corpus.ReadOn();                        // before there is a log
        await using (var log = new EpisodeLog(new EpisodeOptions { Root = _folder.Path, ShardBytes = 1 << 16 }))
        {
            for (; written < 150; written++)
            {
                await log.AppendAsync(Episode("e" + written, [.. Enumerable.Range(0, 24)]), token);
                if (written % 7 == 0)
                {
                    corpus.ReadOn();
                    Assert.Equal(written + 1, corpus.Read);
                }
            }
        }

        // As if an earlier server had written all this and had died in the middle of a record.
        var folder = Directory.GetDirectories(Path.Combine(_folder.Path, "serving_episodes")).Single();
        var earlier = Path.Combine(_folder.Path, "serving_episodes", "1.0.0");
        Directory.Move(folder, earlier);
        File.Delete(Path.Combine(earlier, "dataset_info.json"));
        var shards = Shards(earlier);
        Assert.True(shards.Length > 1);
        var followed = Corpus(window = new ReplayWindow(1000, 1));
        followed.ReadOn(149);
        var whole = await File.ReadAllBytesAsync(shards[^1], token);
        await File.WriteAllBytesAsync(shards[^1], whole[..^9], token);
        followed.ReadOn();
        Assert.Equal(149, followed.Read);
        await File.WriteAllBytesAsync(shards[^1], whole, token);
        followed.ReadOn();
        Assert.Equal(150, followed.Read);

        await Write([Episode("new", [0, 1])]);
        followed.ReadOn();

        Assert.Equal((151, 0), (followed.Read, followed.Skipped));
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(_folder.Path, "serving_episodes")).Length);
        Assert.Equal([.. Enumerable.Range(0, 150).Select(i => "e" + i), "new"], window.Next(151).Select(group => group.Id).ToHashSet());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public async Task What_is_deleted_from_the_log_is_no_longer_trained_on_and_nothing_else_is_lost(int deleted)
    {
        await Write([.. Enumerable.Range(0, 10).Select(i => Episode("e" + i, [0, i]))]);
        var window = new ReplayWindow(1000, 1, new ReplayPriorities(.9, .9, .6));
        var corpus = Corpus(window);
        corpus.ReadOn();
        var before = corpus.Digest;

        Assert.Equal(0, EpisodesCommand.Create().Parse(["delete", _folder.Path, "--id", "e" + deleted]).Invoke());
        await Write([Episode("f", [0, 1]), Episode("g", [0, 1])]);
        corpus.ReadOn();

        Assert.Equal((11, 11), (corpus.Read, window.Count));
        var ids = window.Next(1000).Select(group => group.Id).ToHashSet();
        Assert.DoesNotContain("e" + deleted, ids);
        Assert.Contains("g", ids);
        Assert.NotEqual(before, corpus.Digest);
        var fresh = Corpus(new ReplayWindow(1000, 1));
        fresh.ReadOn();
        Assert.Equal(fresh.Digest, corpus.Digest);
    }

    /// <summary>Between the new shard and its new count in dataset_info.json.</summary>
    [Fact]
    public async Task In_the_middle_of_a_deletion_training_goes_on_with_what_it_has()
    {
        await Write([.. Enumerable.Range(0, 3).Select(i => Episode("e" + i, [0, i]))]);
        var info = Path.Combine(Directory.GetDirectories(Path.Combine(_folder.Path, "serving_episodes")).Single(), "dataset_info.json");
        var old = await File.ReadAllTextAsync(info, TestContext.Current.CancellationToken);
        var window = new ReplayWindow(1000, 1);
        var corpus = Corpus(window);
        corpus.ReadOn();

        Assert.Equal(0, EpisodesCommand.Create().Parse(["delete", _folder.Path, "--id", "e0", "e1", "e2"]).Invoke());
        var after = await File.ReadAllTextAsync(info, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(info, old, TestContext.Current.CancellationToken);
        corpus.ReadOn();
        corpus.ReadOn();
        Assert.Equal((3, 3), (corpus.Read, window.Count));
        Assert.Throws<InvalidDataException>(() => corpus.ReadOn());

        await File.WriteAllTextAsync(info, after, TestContext.Current.CancellationToken);
        corpus.ReadOn();
        Assert.Equal((0, 0), (corpus.Read, window.Count));
        await Write([Episode("new", [0, 1])]);
        corpus.ReadOn();
        Assert.Equal((1, 1), (corpus.Read, window.Count));
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private EpisodeCorpus Corpus(ReplayWindow window, double heldOut = 0, bool needsQuantiles = false, int longest = 100) =>
        new(new EpisodeReader(_folder.Path), window, "anchor", heldOut, longest, needsQuantiles);

    private static string[] Shards(string folder) =>
        [.. Directory.GetFiles(folder).Where(path => Path.GetFileName(path).StartsWith("serving_episodes-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private async Task Write(Episode[] episodes)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = _folder.Path });
        foreach (var episode in episodes)
        {
            await log.AppendAsync(episode, TestContext.Current.CancellationToken);
        }
    }
}
