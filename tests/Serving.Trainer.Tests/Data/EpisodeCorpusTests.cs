using Serving.Episodes;
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

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private EpisodeCorpus Corpus(ReplayWindow window, double heldOut = 0, bool needsQuantiles = false, int longest = 100) =>
        new(new EpisodeReader(_folder.Path), window, "anchor", heldOut, longest, needsQuantiles);

    private async Task Write(Episode[] episodes)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = _folder.Path });
        foreach (var episode in episodes)
        {
            await log.AppendAsync(episode, TestContext.Current.CancellationToken);
        }
    }
}
