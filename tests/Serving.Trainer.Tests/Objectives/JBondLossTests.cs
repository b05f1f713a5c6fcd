using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class JBondLossTests
{
    [Theory]
    [InlineData(1, 0, .34794347, .37370175, .27835478)]
    [InlineData(.5, 0, .29809001, .38307258, .31883740)]
    [InlineData(0, 0, .25, .39, .36)]
    [InlineData(.5, 1, .39795511, .34336569, .25867921)]
    public void With_a_frozen_anchor_it_rests_at_the_known_point(double beta, double gamma, double a, double b, double c)
    {
        using var scope = NewDisposeScope();
        Near([a, b, c], Descend(T3, 400, 1, Expected(T3, T3Rewards, beta, gamma)), 1e-6);
    }

    /// <summary>The sign printed in algorithm 2 is gamma turned negative here: it drives the policy away from its anchor.</summary>
    [Theory]
    [InlineData(.5, .162883, .409407, .427709)]
    [InlineData(1, .052189, .146244, .801567)]
    [InlineData(2, .015450, .033106, .951445)]
    public void With_the_printed_sign_it_would_rest_further_from_the_anchor_than_without_the_term(double gamma, double a, double b, double c)
    {
        using var scope = NewDisposeScope();
        var wrong = Descend(T3, 1000, 1, Expected(T3, T3Rewards, .5, -gamma));
        var right = Descend(T3, 400, 1, Expected(T3, T3Rewards, .5, gamma));
        var without = Divergence([.29809001, .38307258, .31883740], T3);

        Assert.True(Divergence(right, T3) < without);
        Assert.True(Divergence(wrong, T3) > without);
        Near([a, b, c], wrong, 1e-6);
    }

    [Theory]
    [InlineData(1, 0, .18695162, .00496996, 17.36166813)]
    [InlineData(.5, 0, .18908366, .00125521, 17.36538489)]
    [InlineData(.5, 1, .05546864, .05832348, 15.36130888)]
    public void Twenty_seven_answers_rest_at_the_known_figures(double beta, double gamma, double divergence, double jeffreys, double reward)
    {
        using var scope = NewDisposeScope();
        var rest = Descend(T27, 800, gamma > 0 ? 3 : 8, Expected(T27, T27Rewards, beta, gamma));

        Assert.Equal(divergence, Divergence(rest, T27), 1e-5);
        Assert.Equal(jeffreys, Jeffreys(rest, BestOfNDistribution.Probabilities(T27, T27Rewards, 2)), 1e-5);
        Assert.Equal(reward, Mean(rest, i => T27Rewards[i]), 1e-4);
    }

    [Theory]
    [InlineData(.1, -2.2458)]
    [InlineData(.5, -.6931)]
    [InlineData(.9, -.0277)]
    public void Its_reward_has_the_tabulated_mean(double quantile, double mean)
    {
        var worse = Math.Pow(1 - quantile, 2);
        Assert.Equal(mean, (worse * JBondLoss.Reward(true, true)) + ((1 - worse) * JBondLoss.Reward(true, false)), 1e-4);
    }

    /// <summary>Answers without atoms, beta 1: the density of the quantile p at rest is exp(-log 16 (1-p)^2) / Z, by the midpoint rule.</summary>
    [Fact]
    public void In_the_continuum_it_rests_near_best_of_two()
    {
        const int Cells = 100_000;
        var p = Enumerable.Range(0, Cells).Select(i => (i + .5) / Cells).ToArray();
        var tilted = p.Select(quantile => Math.Exp(JBondLoss.Reward(true, true) * Math.Pow(1 - quantile, 2))).ToArray();
        var rest = tilted.Select(mass => mass / tilted.Sum()).ToArray();

        Assert.Equal(.676349, Mean(rest, i => p[i]), 1e-6);
        Assert.Equal(.209202, Divergence(rest, [.. p.Select(_ => 1.0 / Cells)]), 1e-6);
        Assert.Equal(.007781, Divergence(rest, [.. p.Select(quantile => 2 * quantile / Cells)]), 1e-6);
    }

    [Fact]
    public void The_baseline_is_the_mean_of_the_other_prompts_or_of_the_other_answers_to_the_same()
    {
        using var scope = NewDisposeScope();
        Near([1 - 3.5, 2 - 3, 5 - 1.5], Values(LeaveOneOutBaseline.Subtract(Vector([1, 2, 5]))), 1e-15);
        Near([7], Values(LeaveOneOutBaseline.Subtract(Vector([7]))), 0);

        // Prompt 0 has two samples, prompt 2 three; the only one of prompt 1 is compared with everybody else's.
        var within = LeaveOneOutBaseline.Subtract(Vector([1, 4, 10, 0, 3, 9]), tensor(new long[] { 0, 0, 1, 2, 2, 2 }), 3);
        Near([-3, 3, 10 - (17 / 5.0), -6, -1.5, 7.5], Values(within), 1e-14);
    }

    [Fact]
    public void A_batch_gives_the_loss_and_gradient_worked_out_by_hand()
    {
        using var scope = NewDisposeScope();
        var policy = Vector([-3, -5]).requires_grad_();
        var best = Vector([-2, -4]).requires_grad_();
        var anchor = Vector([-3.5, -4]);
        var reward = Vector([0, -2]);

        // Returns: 0 - 0.5 and -2 + 1 = (-0.5, -1); each minus the other: (0.5, -0.5), clipped at 0.25.
        var loss = JBondLoss.Mean(policy, anchor, best, reward, beta: .25, gamma: 2, clip: .25);
        loss.backward();

        Near([((.25 * -.25) + (2 * .5)) / 2, ((.25 * .25) + (2 * -1)) / 2], Values(policy.grad!), 1e-15);
        Near([-.75 / 2, -.75 / 2], Values(best.grad!), 1e-15);
        Assert.Equal(((.75 * 2) + (.25 * 3 * .25) - (2 * 3 * .5) + (.75 * 4) - (.25 * 5 * .25) + (2 * 5)) / 2, loss.item<double>(), 1e-14);
    }

    /// <summary>The exact expectation over y ~ policy and two draws of the anchor, no gradient through the draws.</summary>
    private static Func<Tensor, Tensor> Expected(double[] anchor, double[] rewards, double beta, double gamma)
    {
        var count = anchor.Length;
        var triples = (from answer in Enumerable.Range(0, count)
                       from first in Enumerable.Range(0, count)
                       from second in Enumerable.Range(0, count)
                       select (answer, first, second)).ToArray();
        var answers = tensor(triples.Select(t => (long)t.answer).ToArray());
        var bests = tensor(triples.Select(t => (long)(rewards[t.first] >= rewards[t.second] ? t.first : t.second)).ToArray());
        var weights = Vector(triples.Select(t => anchor[t.first] * anchor[t.second]));
        var reward = Vector(triples.Select(t => JBondLoss.Reward(rewards[t.first] > rewards[t.answer], rewards[t.second] > rewards[t.answer])));
        var anchorLogProbs = Logs(anchor).index_select(0, answers);
        return logProbs =>
        {
            var policy = logProbs.index_select(0, answers);
            var returns = JBondLoss.Returns(policy, anchorLogProbs, reward);
            var perPrompt = JBondLoss.PerPrompt(policy, anchorLogProbs, logProbs.index_select(0, bests), returns, beta, gamma);
            return (perPrompt * policy.detach().exp() * weights).sum();
        };
    }
}
