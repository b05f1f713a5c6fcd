using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class VTraceTests
{
    private const int Steps = 5;

    /// <summary>The inputs of seed_rl's tests/vtrace_test.py, and what its recursion and its literal product formula both give: a row per step, a column per trajectory.</summary>
    private static readonly double[][] _targets =
    [
        [.929816, .556437, .816895, 1.189767, 1.654995],
        [12.586080, 6.122604, 6.014773, 6.858315, 8.223335],
        [53.250231, 29.472213, 27.545145, 29.037190, 31.861155],
        [84.997052, 62.252527, 60.632278, 66.036553, 76.130182],
        [66.53, 69.69, 72.85, 76.01, 79.17],
    ];

    private static readonly double[][] _advantages =
    [
        [.929816, .356437, .416895, .589767, .854995],
        [11.586080, 4.922604, 4.614773, 5.258315, 6.423335],
        [51.250231, 27.272213, 25.145145, 27.914655, 33.616118],
        [118.505139, 88.928326, 78.001, 69.30495, 64.79132],
        [37.18, 38.94, 40.70, 42.46, 44.22],
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void It_gives_the_numbers_of_the_reference_implementation(int column)
    {
        var counts = Enumerable.Range(0, Steps).Select(t => (double)((t * Steps) + column)).ToArray();

        var (targets, advantages) = VTrace.Of(
            [.. counts.Select(count => 5 * ((count / (Steps * Steps)) - .5))],
            counts,
            [.. counts.Select(_ => .9 / (column + 1))],
            [.. counts.Select(count => count / Steps)],
            column + 1,
            new VTraceClips(Rho: 3.7, Gradient: 2.2));

        Near([.. _targets.Select(row => row[column])], targets, 1e-6);
        Near([.. _advantages.Select(row => row[column])], advantages, 1e-6);
    }

    /// <summary>The n-step targets of seed_rl's agents/r2d2/learner_test.py: r = 1, 2, 3, values 100, 200, 300, gamma .9, n = 2.</summary>
    [Theory]
    [InlineData(new double[] { 1, 2 }, 200, 1 + 1.8 + 162)]
    [InlineData(new double[] { 2, 3 }, 300, 2 + 2.7 + 243)]
    [InlineData(new double[] { 3 }, 300, 3 + 270)]
    public void On_policy_it_is_the_return_over_n_steps_whatever_the_values_between(double[] rewards, double bootstrap, double expected)
    {
        var onPolicy = new double[rewards.Length];
        var discounts = rewards.Select(_ => .9).ToArray();

        foreach (var between in (double[])[-4, 0, 17])
        {
            var (targets, advantages) = VTrace.Of(onPolicy, rewards, discounts, [.. rewards.Select(_ => between)], bootstrap, new VTraceClips());
            Assert.Equal(expected, targets[0], 1e-10);
            Assert.Equal(expected - between, advantages[0], 1e-10);
        }
    }

    [Fact]
    public void Nothing_comes_back_over_the_end_of_an_episode()
    {
        var (targets, _) = VTrace.Of([0, 0, 0], [1, 2, 3], [.9, 0, .9], [5, 6, 7], 300, new VTraceClips());

        Near([1 + 1.8, 2, 3 + 270], targets, 1e-12);
    }

    [Fact]
    public void With_lambda_it_is_the_lambda_return()
    {
        var random = new Random(5);
        double[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextDouble())];
        var (rewards, values) = (Draw(6), Draw(7));

        var (targets, _) = VTrace.Of(new double[6], rewards, [.. Enumerable.Repeat(.8, 6)], values[..6], values[6], new VTraceClips(Lambda: .7));

        // v_s = (1 - lambda) sum over n of lambda^(n-1) G_n, the last one with all that is left of the weight.
        for (var s = 0; s < 6; s++)
        {
            var (expected, weight, reward) = (0.0, 1.0, 0.0);
            for (var n = 1; s + n <= 6; n++)
            {
                reward += Math.Pow(.8, n - 1) * rewards[s + n - 1];
                var share = s + n == 6 ? weight : .3 * weight;
                expected += share * (reward + (Math.Pow(.8, n) * values[s + n]));
                weight *= .7;
            }

            Assert.Equal(expected, targets[s], 1e-12);
        }
    }

    /// <summary>rho-bar decides what is learnt: the value of the policy in proportion to min(rho-bar mu, pi).</summary>
    [Theory]
    [InlineData(.5)]
    [InlineData(1)]
    [InlineData(1.3)]
    [InlineData(100)]
    public void Values_rest_at_those_of_the_truncated_policy(double rho)
    {
        double[] policy = [.1, .3, .6];
        var mass = policy.Zip(T3, (pi, mu) => Math.Min(rho * mu, pi)).ToArray();
        var rest = mass.Zip(T3Rewards, (weight, reward) => weight * reward).Sum() / mass.Sum();

        var moved = Enumerable.Range(0, 3).Sum(a =>
            T3[a] * (VTrace.Of([Math.Log(policy[a] / T3[a])], [T3Rewards[a]], [0], [rest], 0, new VTraceClips(rho, Math.Min(1, rho))).Targets[0] - rest));

        Assert.Equal(0, moved, 1e-12);
        if (rho == 100)
        {
            Assert.Equal(Mean(policy, a => T3Rewards[a]), rest, 1e-12);
        }
    }

    /// <summary>In expectation over mu: - mean(pi / sg(max(mu, pi)) A), as in seed_rl's policy_losses_test.py.</summary>
    [Fact]
    public void The_gradient_is_that_of_the_ratio_truncated_at_one()
    {
        using var scope = NewDisposeScope();
        double[] policy = [.1, .3, .6];
        var slopes = Vector(Enumerable.Range(0, 3).Select(a =>
            T3[a] * VTrace.Of([Math.Log(policy[a] / T3[a])], [T3Rewards[a]], [0], [.7], 0, new VTraceClips()).Advantages[0]));
        var advantages = Vector(T3Rewards.Select(reward => reward - .7));
        var largest = Vector(policy.Zip(T3, Math.Max));

        var ours = Gradient(Logs(policy).requires_grad_(), logProbs => -(logProbs * slopes).sum());
        var theirs = Gradient(Logs(policy).requires_grad_(), logProbs => -(Vector(T3) * (logProbs.exp() / largest) * advantages).sum());

        Near(Values(theirs), Values(ours), 1e-12);
    }
}
