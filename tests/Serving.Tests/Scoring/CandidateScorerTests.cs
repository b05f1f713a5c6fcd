using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class CandidateScorerTests : IDisposable
{
    private const string Source = "A package for reading and writing compressed archives. It also converts address books.";

    private static readonly string[] _answers = ["compressed archives", "converts address books", "games", "a library for writing archives", ""];

    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public CandidateScorerTests() => _store = new ModelStore(_folder.Path, TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_answer_is_scored_by_every_scorer_of_the_scorecard()
    {
        TinyScorer.PublishBoth(_store);
        using var scorer = Scorer();
        scorer.Load();

        var score = await scorer.Default.ScoreAsync(Source, "compressed archives", TestContext.Current.CancellationToken);

        Assert.Equal(["consensus", "entailment", "reward", "style"], score.Values.Select(value => value.Key));
        Assert.Equal(Total(scorer.Default, score), score.Total);
        Assert.Equal(0, score.Values[0].Value);         // alone
        Assert.True(score.Values[1].Value < 0);
        Assert.Equal(-1, score.Values[3].Value);        // two words are too few
    }

    [Fact]
    public async Task In_a_group_only_the_consensus_differs_from_the_scores_alone()
    {
        TinyScorer.PublishBoth(_store);
        using var scorer = Scorer();
        scorer.Load();
        var alone = await Task.WhenAll(_answers.Select(answer => scorer.Default.ScoreAsync(Source, answer, TestContext.Current.CancellationToken)));

        var group = scorer.Default.InGroup(_answers, alone);

        var agreement = Consensus.Within(_answers);
        for (var i = 0; i < group.Count; i++)
        {
            Assert.Equal(new KeyValuePair<string, float>(Consensus.Name, agreement[i]), group[i].Values[0]);
            Assert.Equal(alone[i].Values.Skip(1), group[i].Values.Skip(1));
            Assert.Equal(Total(scorer.Default, group[i]), group[i].Total);
            string[] others = [.. _answers.Where((_, j) => j != i)];
            var fresh = await scorer.Default.ScoreAsync(Source, _answers[i], others, TestContext.Current.CancellationToken);
            Assert.Equal(group[i].Total, fresh.Total, 1e-6);
        }

        Assert.True(agreement[0] > 0);
    }

    [Fact]
    public async Task A_scorecard_without_consensus_scores_a_group_as_its_answers_alone_and_one_of_consensus_needs_no_model()
    {
        var style = new Scorecard("style", [new("style", 1)]);
        var plain = new CandidateScorer(style, [new StyleScorer(new StyleOptions())]);
        var agreeing = new CandidateScorer(new Scorecard("consensus", [new("consensus", 1, VetoBelow: 0.05f)]), []);
        var alone = await Task.WhenAll(_answers.Select(answer => plain.ScoreAsync(Source, answer, TestContext.Current.CancellationToken)));

        Assert.Same(alone, plain.InGroup(_answers, alone));
        var silent = await Task.WhenAll(_answers.Select(answer => agreeing.ScoreAsync(Source, answer, TestContext.Current.CancellationToken)));
        var group = agreeing.InGroup(_answers, silent);
        Assert.Equal(["consensus"], group[2].Vetoed);             // "games", which nobody else says
        Assert.Empty(group[0].Vetoed);
        Assert.NotEqual(plain.Digest, agreeing.Digest);
    }

    [Fact]
    public async Task Scores_are_the_same_bits_alone_in_a_crowd_and_under_other_settings()
    {
        TinyScorer.PublishBoth(_store);
        var cancellationToken = TestContext.Current.CancellationToken;
        var random = new Random(4);
        var texts = Enumerable.Range(0, 120).Select(i => (
            Source: string.Concat(Enumerable.Repeat(Source + " ", random.Next(1, 3))) + i,
            Answer: string.Join(' ', _answers[random.Next(_answers.Length)], _answers[random.Next(_answers.Length)]))).ToArray();
        using var alone = Scorer(settings => settings.MaxBatch = 1);
        alone.Load();
        var expected = new List<Score>();
        foreach (var (source, answer) in texts)
        {
            expected.Add(await alone.Default.ScoreAsync(source, answer, cancellationToken));
        }

        using var crowd = Scorer(settings => (settings.MaxBatch, settings.Threads, settings.QueueCapacity) = (64, 2, 16));
        crowd.Load();
        var scores = await Task.WhenAll(texts.OrderBy(_ => random.Next()).Select(async text =>
            (text, Score: await crowd.Default.ScoreAsync(text.Source, text.Answer, cancellationToken))));

        var byText = scores.ToDictionary(score => score.text, score => score.Score);
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.Equal(expected[i].Values, byText[texts[i]].Values);
            Assert.Equal(expected[i].Total, byText[texts[i]].Total);
        }

        Assert.True(expected.Select(score => score.Total).Distinct().Count() > 100);
    }

    [Fact]
    public async Task The_digest_follows_the_models()
    {
        TinyScorer.PublishBoth(_store);
        using var scorer = Scorer();
        Assert.Throws<ScorerException>(() => scorer.Default);
        scorer.Load();
        TinyScorer.Publish(_store, "reward", TinyScorer.Config(TinyScorer.RewardLabels), seed: 99);
        using var later = Scorer();
        later.Load();

        Assert.NotEqual(scorer.Default.Digest, later.Default.Digest);
        Assert.NotEqual(
            (await scorer.Default.ScoreAsync(Source, "games", TestContext.Current.CancellationToken)).Total,
            (await later.Default.ScoreAsync(Source, "games", TestContext.Current.CancellationToken)).Total);
    }

    [Fact]
    public async Task A_missing_model_is_reported_by_name_and_nothing_is_scored()
    {
        TinyScorer.Publish(_store, "reward", TinyScorer.Config(TinyScorer.RewardLabels), seed: 1);
        using var scorer = Scorer();

        Assert.Throws<ScorerException>(scorer.Load);

        Assert.False(scorer.Ready);
        Assert.Contains("\"entailment\"", scorer.LoadError);
        var error = await Assert.ThrowsAsync<ScorerException>(() => scorer.Default.ScoreAsync(Source, "games", TestContext.Current.CancellationToken));
        Assert.Contains("\"entailment\"", error.Message);
    }

    [Fact]
    public void A_model_in_the_wrong_role_is_refused()
    {
        TinyScorer.Publish(_store, "reward", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 1);
        TinyScorer.Publish(_store, "entailment", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 1);
        using var reward = Scorer(settings => settings.Entailment = "reward");
        using var entailment = Scorer(settings => (settings.Reward, settings.Entailment) = ("reward", "reward"));

        Assert.Contains("a reward model has one", Assert.Throws<ScorerException>(reward.Load).Message);

        TinyScorer.Publish(_store, "reward", TinyScorer.Config(TinyScorer.RewardLabels), seed: 1);
        Assert.Contains("an entailment model has \"entailment\"", Assert.Throws<ScorerException>(entailment.Load).Message);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public async Task A_score_that_is_no_number_is_a_failure(float value)
    {
        var scorer = new CandidateScorer(new Scorecard("test", [new("fixed", 1)]), [new FixedScorer(() => value)]);

        var error = await Assert.ThrowsAsync<ScorerException>(() => scorer.ScoreAsync(Source, "games", TestContext.Current.CancellationToken));

        Assert.Contains("\"fixed\" failed", error.Message);
    }

    [Fact]
    public async Task A_failure_of_one_scorer_fails_the_answer_by_name_and_cancellation_stays_cancellation()
    {
        var scorer = new CandidateScorer(
            new Scorecard("test", [new("fixed", 1), new("style", 1)]),
            [new FixedScorer(() => throw new InvalidOperationException("broken")), new StyleScorer(new StyleOptions())]);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        var error = await Assert.ThrowsAsync<ScorerException>(() => scorer.ScoreAsync(Source, "games", TestContext.Current.CancellationToken));
        Assert.Equal("Scorer \"fixed\" failed: broken", error.Message);
        var late = await Assert.ThrowsAsync<ScorerException>(() => scorer.ScoreAsync(Source, "games", cancelled.Token));
        Assert.Equal(error.Message, late.Message);                  // a failure beside a cancellation keeps its name

        TinyScorer.PublishBoth(_store);
        using var real = Scorer();
        real.Load();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => real.Default.ScoreAsync(Source, "games", cancelled.Token));
    }

    [Fact]
    public async Task The_hosted_loader_tries_again_until_the_models_are_published()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([new("Models:Root", _folder.Path), new("Models:PollInterval", "00:00:00.05")]);
        builder.AddModels().AddScoring();
        using var host = builder.Build();
        var scorer = host.Services.GetRequiredService<Scorecards>();
        await host.Services.GetServices<IHostedService>().OfType<ScorerLoader>().Single().StartAsync(TestContext.Current.CancellationToken);
        await Until(() => scorer.LoadError is not null);
        Assert.False(scorer.Ready);

        TinyScorer.PublishBoth(_store);
        await Until(() => scorer.Ready);

        Assert.Null(scorer.LoadError);
        Assert.Equal("default", scorer.Default.Scorecard);
    }

    private static double Total(CandidateScorer scorer, Score score) =>
        score.Values.Zip(scorer.Entries, (value, entry) => entry.Weight * value.Value).Sum();

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private Scorecards Scorer(Action<ScoringOptions>? change = null)
    {
        var options = new ScoringOptions();
        change?.Invoke(options);
        return new Scorecards(Options.Create(options), Options.Create(new OnnxOptions()), _store);
    }

    private sealed class FixedScorer(Func<float> value) : ITextScorer
    {
        public string Name => "fixed";

        public string Digest => "fixed";

        public Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken) => Task.FromResult(value());
    }
}
