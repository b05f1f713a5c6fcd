using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ScorecardTests
{
    [Fact]
    public void Without_configuration_the_scorecard_is_the_one_of_appsettings()
    {
        var card = Scorecard.From(Bind([]));

        Assert.Equal("default", card.Name);
        Assert.Equal([new("consensus", 2), new("entailment", 1), new("reward", 0.2), new("style", 1)], card.Entries);
        var configured = new ConfigurationBuilder().AddJsonFile(Path.Combine(Repository.Root, "appsettings.json")).Build();
        Assert.Equal(card.Entries, Scorecard.From(configured.GetSection(ScoringOptions.Section).Get<ScoringOptions>()!).Entries);
    }

    [Fact]
    public void The_total_is_the_weighted_sum_in_double()
    {
        var card = new Scorecard("test", [new("style", 0.5), new("reward", 2), new("entailment", 0)]);

        var score = card.Combine([-3f, 0.1f, -2f]);

        Assert.Equal((0 * -3.0) + (2 * (double)0.1f) + (0.5 * -2), score.Total);
        Assert.Equal([new("entailment", -3f), new("reward", 0.1f), new("style", -2f)], score.Values);
        Assert.Empty(score.Vetoed);
    }

    [Fact]
    public void A_veto_ranks_an_answer_behind_all_others_but_keeps_the_order_among_vetoed()
    {
        var card = new Scorecard("test", [new("reward", 1, VetoBelow: -1), new("style", 1)]);

        var fine = card.Combine([-1f, -500f]);
        var vetoed = card.Combine([-1.01f, 0f]);
        var worse = card.Combine([-2f, 0f]);

        Assert.Empty(fine.Vetoed);
        Assert.Equal(["reward"], vetoed.Vetoed);
        Assert.True(fine.Total > vetoed.Total && vetoed.Total > worse.Total);
        Assert.True(double.IsFinite(vetoed.Total));
    }

    [Fact]
    public void A_named_scorecard_comes_from_configuration()
    {
        var options = Bind(new()
        {
            ["Scoring:Scorecard"] = "Strict",
            ["Scoring:Scorecards:strict:Style:Weight"] = "0.25",
            ["Scoring:Scorecards:strict:entailment:VetoBelow"] = "-2.5",
            ["Scoring:Scorecards:other:style:Weight"] = "3",
        });

        var card = Scorecard.From(options);

        Assert.Equal("strict", card.Name);
        Assert.Equal([new("entailment", 1, -2.5f), new("style", 0.25)], card.Entries);
    }

    [Fact]
    public void The_digest_changes_with_weights_vetoes_and_scorers()
    {
        var style = new StyleScorer(new StyleOptions());
        string Digest(StyleScorer scorer, double weight, float? veto = null) => new Scorecard("x", [new("style", weight, veto)]).Digest([scorer]);

        var digests = new[]
        {
            Digest(style, 1), Digest(style, 2), Digest(style, 1, -1), Digest(new StyleScorer(new StyleOptions { MaxWords = 9 }), 1),
        };

        Assert.Equal(4, digests.Distinct().Count());
        Assert.Equal(digests[0], Digest(style, 1));
        Assert.StartsWith("sha256:", digests[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_fault_of_the_configuration_is_reported_with_its_place()
    {
        var error = Assert.Throws<OptionsValidationException>(() => Bind(new()
        {
            ["Scoring:Scorecard"] = "mine",
            ["Scoring:MaxBatch"] = "0",
            ["Scoring:Style:MaxCharacters"] = "0",
            ["Scoring:Scorecards:yours:beauty:Weight"] = "1",
            ["Scoring:Scorecards:yours:style:Weight"] = "NaN",
            ["Scoring:Scorecards:yours:reward:VetoBelow"] = "Infinity",
        }));

        foreach (var part in (string[])
            ["MaxBatch", "MaxCharacters", "Scoring:Scorecards has only \"yours\"", "no scorer \"beauty\"", "style:Weight must be", "reward:VetoBelow must be"])
        {
            Assert.Contains(part, error.Message);
        }
    }

    [Fact]
    public void An_unknown_scorecard_is_refused_when_none_is_configured()
    {
        var error = Assert.Throws<OptionsValidationException>(() => Bind(new() { ["Scoring:Scorecard"] = "mine" }));

        Assert.Contains("only \"default\" is built in", error.Message);
    }

    private static ScoringOptions Bind(Dictionary<string, string?> settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.AddModels().AddScoring();
        using var host = builder.Build();
        return host.Services.GetRequiredService<IOptions<ScoringOptions>>().Value;
    }
}
