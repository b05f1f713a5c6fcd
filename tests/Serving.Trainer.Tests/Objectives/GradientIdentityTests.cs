using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class GradientIdentityTests
{
    private static readonly double[] _policy = [.. Enumerable.Range(0, 27).Select(i => (1 + (i * 5 % 7)) / 107.0)];

    /// <summary>BOND eq. 15: the policy gradient of the reward (N-1) r_BOND - log pi/ref is minus the gradient of KL(pi || BoN).</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void The_bond_reward_gives_the_gradient_of_the_backward_divergence(int n)
    {
        using var scope = NewDisposeScope();
        var (below, upTo) = BestOfNDistribution.Quantiles(T27, T27Rewards);
        var weights = Vector(Enumerable.Range(0, 27).Select(i => BestOfNDistribution.LogWeight(below[i], upTo[i], n)));
        var best = Vector(BestOfNDistribution.Probabilities(T27, T27Rewards, n));
        var reference = Logs(T27);
        var logits = Logs(_policy).requires_grad_();

        var byReward = Gradient(logits, logProbs =>
        {
            var returns = weights - (logProbs - reference).detach();
            return -(logProbs.exp().detach() * logProbs * returns).sum();
        });
        var direct = Gradient(logits, logProbs => (logProbs.exp() * (logProbs - best.log())).sum());

        Assert.True((byReward - direct).abs().max().item<double>() < 1e-10);
        Assert.True(direct.abs().max().item<double>() > 1e-3);
    }

    /// <summary>BOND eq. 13: supervised training on Best-of-n, its expectation taken over logged groups, is the gradient of KL(BoN || pi).</summary>
    [Theory]
    [InlineData(4, 2)]
    [InlineData(4, 4)]
    [InlineData(3, 1)]
    public void Weighted_supervised_training_gives_the_gradient_of_the_forward_divergence(int candidates, int drawn)
    {
        using var scope = NewDisposeScope();
        var expected = new double[3];
        foreach (var (answers, better, probability) in Groups.Of(candidates))
        {
            for (var i = 0; i < candidates; i++)
            {
                expected[answers[i]] += probability * BestOfNWeights.Weight(better[i], candidates, drawn);
            }
        }

        Near(BestOfNDistribution.Probabilities(T3, T3Rewards, drawn), expected, 1e-12);
        var logits = Vector([.1, .2, -.3]).requires_grad_();
        var best = BestOfNDistribution.Probabilities(T3, T3Rewards, drawn);
        var supervised = Gradient(logits, logProbs => -(Vector(expected) * logProbs).sum());
        var direct = Gradient(logits, logProbs => (Vector(best) * (Vector(best).log() - logProbs)).sum());
        Assert.True((supervised - direct).abs().max().item<double>() < 1e-10);
    }

    [Theory]
    [InlineData(0, 16, 4, .25)]
    [InlineData(12, 16, 4, 1.0 / 1820)]
    [InlineData(13, 16, 4, 0)]
    [InlineData(0, 16, 16, 1)]
    [InlineData(5, 16, 1, 1.0 / 16)]
    public void The_weight_of_a_candidate_is_its_chance_to_be_the_best_of_a_subset(int better, int candidates, int drawn, double weight)
    {
        Assert.Equal(weight, BestOfNWeights.Weight(better, candidates, drawn), 1e-15);
        Assert.Equal(1, Enumerable.Range(0, candidates).Sum(m => BestOfNWeights.Weight(m, candidates, drawn)), 1e-12);
    }
}
