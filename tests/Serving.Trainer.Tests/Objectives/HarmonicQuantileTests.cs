using Serving.Trainer.Objectives;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Objectives;

public sealed class HarmonicQuantileTests
{
    [Theory]
    [InlineData(2, .1, -1.305, .41)]
    [InlineData(2, .5, -.625, .54)]
    [InlineData(2, .9, -.105, .24)]
    [InlineData(4, .1, -1.7120, .53)]
    [InlineData(4, .5, -.6823, .49)]
    [InlineData(4, .9, -.10536, .17)]
    [InlineData(16, .1, -2.2320, .65)]
    [InlineData(16, .5, -.69315, .25)]
    [InlineData(16, .9, -.10536, .08)]
    public void Its_mean_and_spread_are_the_tabulated_ones(int others, double quantile, double mean, double deviation)
    {
        var estimate = Expect(others, quantile, m => HarmonicQuantile.LogQuantile(m, others));
        var square = Expect(others, quantile, m => Math.Pow(HarmonicQuantile.LogQuantile(m, others), 2));

        Assert.Equal(mean, estimate, 5e-5);
        Assert.Equal(deviation, Math.Sqrt(square - (estimate * estimate)), 5.1e-3);
        Assert.Equal(-Enumerable.Range(1, others).Sum(k => Math.Pow(1 - quantile, k) / k), estimate, 1e-12);
    }

    [Fact]
    public void The_best_of_a_group_has_quantile_one_and_the_worst_a_finite_one()
    {
        Assert.Equal(0, HarmonicQuantile.LogQuantile(0, 7));
        Assert.Equal(-(1 + (1 / 2.0) + (1 / 3.0)), HarmonicQuantile.LogQuantile(3, 3), 1e-15);
        Assert.Throws<ArgumentOutOfRangeException>(() => HarmonicQuantile.LogQuantile(4, 3));
    }

    /// <summary>What regression on the estimated targets converges to with unlimited data, in nats from Best-of-N_t.</summary>
    [Theory]
    [InlineData(4, 3, .01958)]
    [InlineData(4, 7, .00383)]
    [InlineData(4, 15, .00244)]
    [InlineData(2, 7, .00979)]
    [InlineData(8, 7, .00279)]
    public void The_optimum_of_regression_on_it_is_as_near_to_best_of_n_as_tabulated(int target, int others, double divergence)
    {
        Assert.Equal(divergence, Divergence(Optimum(target, p => Expect(others, p, m => HarmonicQuantile.Target(m, others, target))), BestOf(target)), 5e-6);
    }

    [Theory]
    [InlineData(2, .00217)]
    [InlineData(4, .00233)]
    [InlineData(8, .00275)]
    public void With_exact_quantiles_only_the_dropped_term_is_left(int target, double divergence)
    {
        Assert.Equal(divergence, Divergence(Optimum(target, p => Math.Log(target) + ((target - 1) * Math.Log(p))), BestOf(target)), 5e-6);
    }

    private static double[] BestOf(int n) => BestOfNDistribution.Probabilities(T27, T27Rewards, n);

    /// <summary>ref exp(E tau) / Z.</summary>
    private static double[] Optimum(int target, Func<double, double> meanTarget)
    {
        Assert.True(target > 1);
        var (_, upTo) = BestOfNDistribution.Quantiles(T27, T27Rewards);
        var tilted = T27.Select((p, i) => p * Math.Exp(meanTarget(upTo[i]))).ToArray();
        return [.. tilted.Select(p => p / tilted.Sum())];
    }

    /// <summary>E f(m) for m ~ Binomial(K, 1 - p).</summary>
    private static double Expect(int others, double quantile, Func<int, double> f)
    {
        var sum = 0.0;
        var choose = 1.0;
        for (var m = 0; m <= others; m++)
        {
            sum += choose * Math.Pow(1 - quantile, m) * Math.Pow(quantile, others - m) * f(m);
            choose *= (others - m) / (m + 1.0);
        }

        return sum;
    }
}
