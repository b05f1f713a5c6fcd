using Serving.Scoring;
using Serving.Trainer.Loop;

namespace Serving.Trainer.Tests.Loop;

public sealed class BestOfNCurveTests
{
    [Fact]
    public void It_is_the_mean_of_the_best_of_every_n_of_the_candidates()
    {
        var curve = BestOfNCurve.Of([Scores(3, 1, 4, 2)]);

        Assert.Equal(2.5, curve.Mean(1), 1e-12);
        Assert.Equal((2 + (2 * 3) + (3 * 4)) / 6.0, curve.Mean(2), 1e-12);
        Assert.Equal((3 + (3 * 4)) / 4.0, curve.Mean(3), 1e-12);
        Assert.Equal(4, curve.Mean(4), 1e-12);
    }

    [Fact]
    public void A_vetoed_answer_ranks_last_but_its_penalty_is_no_part_of_the_mean()
    {
        var vetoed = new Score(9 - Scorecard.VetoPenalty, [new("letters", 9)]) { Vetoed = ["letters"] };

        var curve = BestOfNCurve.Of([[vetoed, .. Scores(1, 2)]]);

        Assert.Equal(4, curve.Mean(1), 1e-6);
        Assert.Equal(2, curve.Mean(3), 1e-6);
    }

    [Fact]
    public void Totals_of_Best_of_n_have_effective_n_n_and_what_lies_between_is_found_between()
    {
        var curve = BestOfNCurve.Of([.. Enumerable.Range(0, 40).Select(i => Scores(i, i + 1, i + 2, i + 4, i + 8, i + 16))]);

        for (var n = 1; n <= 6; n++)
        {
            Assert.Equal(n, curve.Of([.. curve.Totals.Select(prompt => prompt[n - 1])]).Value, 1e-9);
        }

        var between = curve.Of([.. curve.Totals.Select(prompt => (prompt[1] + prompt[2]) / 2)]);
        Assert.Equal(Math.Sqrt(6), between.Value, 1e-9);
        Assert.Equal(1, curve.Of([.. curve.Totals.Select(prompt => prompt[0] - 1)]).Value);
        Assert.Equal(6, curve.Of([.. curve.Totals.Select(prompt => prompt[5] + 1)]).Value);
    }

    /// <summary>Draws of uniform numbers, and policies that are Best-of-4 of as many: the interval must hold 4 about 19 times of 20.</summary>
    [Fact]
    public void The_interval_holds_the_true_n_about_as_often_as_it_says()
    {
        var random = new Random(5);
        var (held, runs) = (0, 40);
        for (var run = 0; run < runs; run++)
        {
            var curve = BestOfNCurve.Of([.. Enumerable.Range(0, 60).Select(_ => Scores([.. Enumerable.Range(0, 16).Select(_ => random.NextDouble())]))]);
            var found = curve.Of([.. Enumerable.Range(0, 60).Select(_ => Enumerable.Range(0, 4).Max(_ => random.NextDouble()))]);
            Assert.InRange(found.Value, found.Lower, found.Upper);
            held += found.Lower <= 4 && found.Upper >= 4 ? 1 : 0;
        }

        Assert.InRange(held, .8 * runs, runs);
    }

    [Fact]
    public void The_luck_of_one_sample_is_taken_off_where_it_is_shared()
    {
        var random = new Random(6);
        double[][] totals = [.. Enumerable.Range(0, 200).Select(_ => Enumerable.Range(0, 16).Select(_ => random.NextDouble()).ToArray())];
        var curve = BestOfNCurve.Of([.. totals.Select(Scores)]);
        double[] first = [.. totals.Select(prompt => prompt[0])];

        // The start itself, and a policy that is better by .1 whatever the seed.
        Assert.Equal(curve.Mean(1), curve.Steadied(first, first).Average(), 1e-9);
        Assert.Equal(curve.Mean(1) + .1, curve.Steadied([.. first.Select(total => total + .1)], first).Average(), 1e-9);

        // A policy that has nothing to do with the start's draws.
        double[] other = [.. first.Select(_ => random.NextDouble())];
        Assert.Equal(other.Average(), curve.Steadied(other, first).Average(), .01);
    }

    private static Score[] Scores(params double[] totals) => [.. totals.Select(total => new Score(total, [new("letters", (float)total)]))];
}
