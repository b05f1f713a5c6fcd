using Serving.Trainer.Objectives;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Objectives;

public sealed class BestOfNDistributionTests
{
    [Theory]
    [InlineData(2, .25, .39, .36, .1406384674, .64)]
    [InlineData(4, .0625, .3471, .5904, .5597505604, .7726)]
    [InlineData(8, .00390625, .16386591, .83222784, 1.0685326714, .85649446)]
    public void Three_answers_have_the_known_distribution(int n, double first, double second, double third, double divergence, double winRate)
    {
        var best = BestOfNDistribution.Probabilities(T3, T3Rewards, n);

        Near([first, second, third], best, 1e-8);
        Assert.Equal(divergence, Divergence(best, T3), 1e-9);
        Assert.Equal(winRate, WinRate(best, T3, T3Rewards), 1e-8);
        Assert.True(divergence < BestOfNDistribution.LargestDivergence(n));
    }

    [Theory]
    [InlineData(2, .191732093, .294253304, .242992698, .665984, 17.355549, -.450003378)]
    [InlineData(4, .633730468, 1.536137871, 1.084934169, .798956603, 21.077673075, -.218111353)]
    [InlineData(8, 1.195506462, 4.633226580, 2.914366521, .886613700, 23.630720880, -.096808946)]
    [InlineData(16, 1.790702728, 11.367800528, 6.579251628, .935491808, 25.121391740, -.035395180)]
    public void Twenty_seven_answers_have_the_known_divergences(
        int n, double forward, double backward, double jeffreys, double winRate, double reward, double logQuantile)
    {
        var best = BestOfNDistribution.Probabilities(T27, T27Rewards, n);
        var (_, upTo) = BestOfNDistribution.Quantiles(T27, T27Rewards);

        Assert.Equal(1, best.Sum(), 1e-12);
        Assert.Equal(forward, Divergence(best, T27), 1e-9);
        Assert.Equal(backward, Divergence(T27, best), 1e-9);
        Assert.Equal(jeffreys, Jeffreys(T27, best), 1e-9);
        Assert.Equal(winRate, WinRate(best, T27, T27Rewards), 1e-6);
        Assert.Equal(reward, Mean(best, i => T27Rewards[i]), 1e-6);
        Assert.Equal(logQuantile, Mean(best, i => Math.Log(upTo[i])), 1e-9);
    }

    [Fact]
    public void Tied_rewards_share_their_level_set()
    {
        Near([.125, .525, .35], BestOfNDistribution.Probabilities(T3, [0, 1, 1], 3), 1e-12);
    }

    [Fact]
    public void It_agrees_with_listing_every_draw()
    {
        var listed = new double[27];
        for (var first = 0; first < 27; first++)
        {
            for (var second = 0; second < 27; second++)
            {
                listed[T27Rewards[first] >= T27Rewards[second] ? first : second] += T27[first] * T27[second];
            }
        }

        Near(listed, BestOfNDistribution.Probabilities(T27, T27Rewards, 2), 1e-15);
    }

    [Fact]
    public void Best_of_two_four_times_over_is_best_of_sixteen()
    {
        var iterated = T27;
        for (var round = 0; round < 4; round++)
        {
            iterated = BestOfNDistribution.Probabilities(iterated, T27Rewards, 2);
        }

        Near(BestOfNDistribution.Probabilities(T27, T27Rewards, 16), iterated, 1e-14);
    }

    [Fact]
    public void Atoms_too_small_for_a_difference_quotient_keep_their_weight()
    {
        Assert.Equal(Math.Log(8) + (7 * Math.Log(.5)), BestOfNDistribution.LogWeight(.5 - 1e-15, .5, 8), 1e-12);
    }
}
