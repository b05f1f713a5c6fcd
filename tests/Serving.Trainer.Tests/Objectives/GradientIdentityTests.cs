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

    /// <summary>The trainer's own loss, in expectation, against autograd through J_beta and against finite differences of it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(.5)]
    [InlineData(1)]
    public void Full_bond_gives_the_gradient_of_the_jeffreys_divergence(double beta)
    {
        using var scope = NewDisposeScope();
        var (below, upTo) = BestOfNDistribution.Quantiles(T27, T27Rewards);
        var weights = Vector(Enumerable.Range(0, 27).Select(i => BestOfNDistribution.LogWeight(below[i], upTo[i], 4)));
        var best = Vector(BestOfNDistribution.LogProbabilities(T27, T27Rewards, 4));
        var reference = Logs(T27);
        var logits = Logs(_policy).requires_grad_();

        var byLoss = Gradient(logits, logProbs =>
        {
            var returns = FullBondLoss.Returns(logProbs, reference, weights);
            return (logProbs.exp().detach() * FullBondLoss.PerPrompt(logProbs, (best.exp() * logProbs).sum(), returns, beta)).sum();
        });
        var direct = Gradient(logits, Divergence);

        Assert.True((byLoss - direct).abs().max().item<double>() < 1e-10);
        Assert.True(FiniteDifferenceGap(Values(logits), x => Divergence(special.log_softmax(x, -1))) < 1e-9);

        Tensor Divergence(Tensor logProbs) =>
            ((1 - beta) * (best.exp() * (best - logProbs)).sum()) + (beta * (logProbs.exp() * (logProbs - best)).sum());
    }

    /// <summary>d JSD(b) / d q_v = (1-b) log(q_v / m_v), here carried through the softmax by hand.</summary>
    [Theory]
    [InlineData(.1)]
    [InlineData(.5)]
    [InlineData(.9)]
    public void The_generalised_divergence_has_the_known_slope(double b)
    {
        using var scope = NewDisposeScope();
        var (teacher, student) = (Vector([.5, .3, .2]), Vector([.2, .2, .6]));
        var logits = student.log().requires_grad_();

        var gradient = Gradient(logits, logProbs => JensenShannon.PerToken(logProbs.unsqueeze(0), teacher.log().unsqueeze(0), b).sum());

        var slope = (1 - b) * (student / ((b * teacher) + ((1 - b) * student))).log();
        var expected = student * (slope - (student * slope).sum());
        Assert.True((gradient - expected).abs().max().item<double>() < 1e-10);
        Assert.True(expected.abs().max().item<double>() > 1e-3);
    }

    /// <summary>
    /// A policy of independent tokens: in expectation the returns that single tokens get have the gradient of the whole answer's return, and both that of
    /// E r - alpha KL itself.
    /// </summary>
    [Fact]
    public void Returns_to_go_have_the_gradient_of_the_whole_return()
    {
        using var scope = NewDisposeScope();
        const double Alpha = .7;
        var logits = Vector([.4, -.3, .2]).requires_grad_();
        var tokens = tensor(Enumerable.Range(0, 27).SelectMany(i => new long[] { i / 9, i / 3 % 3, i % 3 }).ToArray());
        var owner = tensor(Enumerable.Range(0, 81).Select(i => (long)(i / 3)).ToArray());
        var (anchor, reward) = (Logs(T3).index_select(0, tokens), Vector(T27Rewards));

        var byToken = Gradient(logits, logProbs =>
        {
            var policy = logProbs.index_select(0, tokens);
            var returns = ReinforceLoss.TokenReturns(policy, anchor, reward, owner, Alpha);
            return (Own(policy).index_select(0, owner) * ReinforceLoss.PerSample(policy, returns)).sum();
        });
        var byAnswer = Gradient(logits, logProbs =>
        {
            var policy = Whole(logProbs.index_select(0, tokens));
            return (policy.detach().exp() * ReinforceLoss.PerSample(policy, ReinforceLoss.Returns(policy, Whole(anchor), reward, Alpha))).sum();
        });
        var direct = Gradient(logits, logProbs =>
        {
            var policy = Whole(logProbs.index_select(0, tokens));
            return -(policy.exp() * (reward - (Alpha * (policy - Whole(anchor))))).sum();
        });

        Assert.True((byToken - direct).abs().max().item<double>() < 1e-10);
        Assert.True((byAnswer - direct).abs().max().item<double>() < 1e-10);
        Assert.True(direct.abs().max().item<double>() > 1e-2);

        static Tensor Whole(Tensor perToken) => perToken.view(27, 3).sum(1);

        static Tensor Own(Tensor perToken) => Whole(perToken.detach()).exp();
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
