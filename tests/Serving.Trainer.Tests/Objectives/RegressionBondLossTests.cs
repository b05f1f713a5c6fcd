using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class RegressionBondLossTests
{
    private const double NoClip = 1e9;

    [Fact]
    public void With_exact_targets_every_sampling_distribution_leads_to_best_of_n()
    {
        using var scope = NewDisposeScope();
        var best = BestOfNDistribution.Probabilities(T27, T27Rewards, 4);
        long[] once = [.. Enumerable.Range(0, 27).Select(i => (long)i)];
        long[] skewed = [.. Enumerable.Range(0, 27).SelectMany(i => Enumerable.Repeat((long)i, 1 + (i % 4)))];

        foreach (var rows in (long[][])[once, skewed])
        {
            Assert.True(LargestGradient(best, Exact(rows)) < 1e-12);
            var found = Descend(T27, 1200, 4, Exact(rows));
            Assert.True(Jeffreys(found, best) < 1e-6, $"{Jeffreys(found, best)}");
        }
    }

    /// <summary>
    /// All rows of a group share one set of ranks, so taking the group's mean away correlates with the targets: the shrink K/(K+1)
    /// makes the optimum exact again; without it the policy overshoots. Expectations over every group that can be drawn.
    /// </summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void The_centred_variant_rests_at_the_tilt_by_the_mean_target(int candidates)
    {
        using var scope = NewDisposeScope();
        var meanTarget = new double[3];
        foreach (var (answers, better, probability) in Groups.Of(candidates))
        {
            for (var i = 0; i < candidates; i++)
            {
                meanTarget[answers[i]] += probability * HarmonicQuantile.Target(better[i], candidates - 1, 4) / candidates / T3[answers[i]];
            }
        }

        var tilted = T3.Select((p, i) => p * Math.Exp(meanTarget[i])).ToArray();
        var optimum = tilted.Select(p => p / tilted.Sum()).ToArray();

        Assert.True(LargestGradient(optimum, Centred(candidates, (candidates - 1.0) / candidates)) < 1e-10);
        Near(optimum, Descend(T3, 250, 1, Centred(candidates, (candidates - 1.0) / candidates)), 1e-6);
        Assert.True(LargestGradient(optimum, Centred(candidates, 1)) > .05);
    }

    [Fact]
    public void The_plain_variant_with_estimated_targets_is_the_mean_target_too()
    {
        using var scope = NewDisposeScope();
        var loss = Sampled(3, shrink: null);
        var found = Descend(T3, 300, .3, loss);

        // Z of the tilted target is not one with atoms this large: least squares then trades the excess off, so only the gradient is known.
        Assert.True(LargestGradient(found, loss) < 1e-8);
        Assert.True(found[2] > T3[2]);
    }

    [Theory]
    [InlineData(false, 1e9)]
    [InlineData(true, 1e9)]
    [InlineData(false, .8)]
    [InlineData(true, .8)]
    public void Its_gradient_equals_finite_differences(bool centred, double clip)
    {
        using var scope = NewDisposeScope();
        var sampled = Vector([-1, -2, -1.5, -3, -.4]);
        var target = Vector([.7, -.9, .7, -2, .1]);
        var group = tensor(new long[] { 0, 0, 1, 1, 1 });
        var shrink = centred ? Vector([.5, .5, .75, .75, .75]) : null;

        var gap = FiniteDifferenceGap([-1.3, -1.7, -2.2, -1.1, -.9], x => RegressionBondLoss.Mean(x, sampled, target, group, 3, shrink, clip));

        Assert.True(gap < 1e-9, $"gap {gap}");
    }

    [Fact]
    public void Groups_count_alike_whatever_their_size_and_an_absent_group_counts_for_nothing()
    {
        using var scope = NewDisposeScope();
        var residuals = Vector([3, 1, 1, 1]);
        var group = tensor(new long[] { 0, 2, 2, 2 });

        var loss = RegressionBondLoss.Mean(residuals, zeros_like(residuals), zeros_like(residuals), group, 4, null, 2);

        // Group 0: 3 beyond the clip of 2: 4 + 2 * 2 * 1 = 8; group 2: 1.
        Assert.Equal((8 + 1) / 2.0, loss.item<double>(), 1e-14);
    }

    [Fact]
    public void Centring_never_moves_the_mean_log_prob_of_a_group()
    {
        using var scope = NewDisposeScope();
        var policy = Vector([-1.3, -1.7, -9]).requires_grad_();

        RegressionBondLoss.Mean(policy, Vector([-1, -1, -1]), Vector([1, 0, -4]), zeros(3, ScalarType.Int64), 1, Vector([.9, .9, .9]), .5).backward();

        Assert.Equal(0, policy.grad!.sum().item<double>(), 1e-15);
        Assert.True(policy.grad!.abs().max().item<double>() > .1);
    }

    private static Func<Tensor, Tensor> Exact(long[] rows)
    {
        var (below, upTo) = BestOfNDistribution.Quantiles(T27, T27Rewards);
        var index = tensor(rows);
        var sampled = Vector(rows.Select(i => Math.Log(T27[i])));
        var target = Vector(rows.Select(i => BestOfNDistribution.LogWeight(below[i], upTo[i], 4)));
        var group = zeros(rows.Length, ScalarType.Int64);
        return logProbs => RegressionBondLoss.Mean(logProbs.index_select(0, index), sampled, target, group, 1, null, NoClip);
    }

    private static Func<Tensor, Tensor> Centred(int candidates, double shrink) => Sampled(candidates, shrink);

    /// <summary>The expected loss over every group of draws: probabilities are tenths, so groups repeat in proportion.</summary>
    private static Func<Tensor, Tensor> Sampled(int candidates, double? shrink)
    {
        var rows = new List<long>();
        var groupOf = new List<long>();
        var targets = new List<double>();
        var groups = 0;
        var unit = Math.Pow(.1, candidates) / Enumerable.Range(1, candidates).Aggregate(1, (product, k) => product * k);
        foreach (var (answers, better, probability) in Groups.Of(candidates))
        {
            for (var copy = 0; copy < (int)Math.Round(probability / unit); copy++, groups++)
            {
                for (var i = 0; i < candidates; i++)
                {
                    rows.Add(answers[i]);
                    groupOf.Add(groups);
                    targets.Add(HarmonicQuantile.Target(better[i], candidates - 1, 4));
                }
            }
        }

        var index = tensor(rows.ToArray());
        var sampled = Vector(rows.Select(i => Math.Log(T3[i])));
        var target = Vector(targets);
        var group = tensor(groupOf.ToArray());
        var factors = shrink is { } factor ? Vector(rows.Select(_ => factor)) : null;
        return logProbs => RegressionBondLoss.Mean(logProbs.index_select(0, index), sampled, target, group, groups, factors, NoClip);
    }
}
