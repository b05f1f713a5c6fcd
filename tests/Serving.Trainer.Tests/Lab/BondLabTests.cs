using Serving.Trainer.Lab;
using static Serving.Trainer.Tests.Lab.LabProblems;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Lab;

/// <summary>BOND's objectives on the exactly solvable problems: the figures were computed independently of this code.</summary>
public sealed class BondLabTests
{
    [Theory]
    [InlineData(0, 1, .973)]
    [InlineData(0, 100, .0716)]
    [InlineData(0, 1000, .00519)]
    [InlineData(0, 4000, 8.3e-4)]
    [InlineData(.5, 1, .908)]
    [InlineData(.5, 100, .0261)]
    [InlineData(.5, 1000, .00171)]
    [InlineData(.5, 4000, 2.8e-4)]
    [InlineData(1, 1, .853)]
    [InlineData(1, 100, .0187)]
    [InlineData(1, 1000, .00108)]
    [InlineData(1, 4000, 1.7e-4)]
    public void Exact_gradients_of_full_bond_close_the_known_distance_in_the_known_steps(double beta, int steps, double jeffreys)
    {
        var result = LabRun.Solve(T27(LabObjective.FullBond) with { Beta = beta, Steps = steps });

        Assert.Equal(jeffreys, result.JeffreysToBestOfN, jeffreys * (steps < 4000 ? 4e-3 : 1.5e-2));        // as many digits as are known
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Sampled_full_bond_reaches_best_of_n(ulong seed)
    {
        var result = LabRun.Solve(T27(LabObjective.FullBond) with
        {
            Gradients = LabGradients.Sampled,
            Batch = 64,
            Steps = 1500,
            LearningRate = .3,
            Seed = seed,
        });

        Assert.InRange(result.KlFromBestOfN, 0, .02);
        Assert.InRange(result.KlToBestOfN, 0, .05);
        Assert.Equal(21.08, result.ExpectedReward, .5);
    }

    [Theory]
    [InlineData(1, 0, .34794347, .37370175, .27835478, .04795822, .02703679, .93041131)]
    [InlineData(.5, 0, .29809001, .38307258, .31883740, .08815738, .00679146, 1.02074739)]
    [InlineData(0, 0, .25, .39, .36, .14063847, 0, 1.11)]
    [InlineData(.5, 1, .39795511, .34336569, .25867921, .02206899, .05410405, .86072410)]
    public void J_bond_with_a_frozen_anchor_rests_where_it_should(
        double beta, double gamma, double a, double b, double c, double divergence, double jeffreys, double reward)
    {
        var problem = T3(LabObjective.JBond) with { Beta = beta, Gamma = gamma, Steps = 300 };

        var exact = LabRun.Solve(problem);
        var sampled = LabRun.Solve(problem with { Gradients = LabGradients.Sampled, Batch = 512 });

        Near([a, b, c], exact.Probabilities, 1e-6);
        Assert.Equal(divergence, exact.KlToReference, 1e-6);
        Assert.Equal(jeffreys, exact.JeffreysToBestOfN, 1e-6);
        Assert.Equal(reward, exact.ExpectedReward, 1e-6);
        Near([a, b, c], sampled.Probabilities, 2e-2);
    }

    [Theory]
    [InlineData(1, 0, .18695162, .00496996, 17.36166813)]
    [InlineData(.5, 0, .18908366, .00125521, 17.36538489)]
    [InlineData(.5, 1, .05546864, .05832348, 15.36130888)]
    public void So_does_it_with_twenty_seven_answers(double beta, double gamma, double divergence, double jeffreys, double reward)
    {
        var problem = T27(LabObjective.JBond, 2) with { Policy = LabPolicyKind.Categorical, Beta = beta, Gamma = gamma };

        var exact = LabRun.Solve(problem with { Steps = 800, LearningRate = gamma > 0 ? 3 : 8 });
        var sampled = LabRun.Solve(problem with { Policy = LabPolicyKind.Tabular, Gradients = LabGradients.Sampled, Batch = 512, Steps = 600 });

        Assert.Equal(divergence, exact.KlToReference, 1e-5);
        Assert.Equal(jeffreys, exact.JeffreysToBestOfN, 1e-5);
        Assert.Equal(reward, exact.ExpectedReward, 1e-4);
        Assert.Equal(divergence, sampled.KlToReference, 5e-3);
        Assert.Equal(jeffreys, sampled.JeffreysToBestOfN, 2e-3);
        Assert.Equal(reward, sampled.ExpectedReward, .05);
    }

    /// <summary>The table's t-th row is the state in which step t begins, so t-1 steps are behind it.</summary>
    [Theory]
    [InlineData(.02, 0, 18.2973, .2654, 21.5421, .7412, 25.5394, 2.1997, 25.9752, 2.5603)]
    [InlineData(.05, 0, 20.5161, .5889, 25.4313, 2.1877, 25.9487, 2.5413, 25.9839, 2.5733)]
    [InlineData(.05, 1, 18.0054, .2354, 22.0386, .8676, 25.7816, 2.3982, 25.977, 2.5647)]
    public void A_moving_anchor_walks_on_to_the_single_best_answer(
        double eta, double gamma, double reward50, double kl50, double reward100, double kl100, double reward200, double kl200, double reward400, double kl400)
    {
        var rows = new[] { (50, reward50, kl50), (100, reward100, kl100), (200, reward200, kl200), (400, reward400, kl400) };
        foreach (var (t, reward, divergence) in rows)
        {
            var result = LabRun.Solve(T27(LabObjective.JBond, 2) with { Policy = LabPolicyKind.Categorical, Eta = eta, Gamma = gamma, Steps = t - 1 });
            Assert.Equal(reward, result.ExpectedReward, 1e-4);
            Assert.Equal(divergence, result.KlToReference, 1e-4);
        }
    }

    [Theory]
    [InlineData(50, 23.8438, 1.5271)]
    [InlineData(100, 25.8599, 2.4815)]
    public void The_faster_the_anchor_the_sooner(int t, double reward, double divergence)
    {
        var result = LabRun.Solve(T27(LabObjective.JBond, 2) with { Policy = LabPolicyKind.Categorical, Eta = .1, Steps = t - 1 });

        Assert.Equal(reward, result.ExpectedReward, 1e-4);
        Assert.Equal(divergence, result.KlToReference, 1e-4);
    }

    [Fact]
    public void Regression_onto_exact_targets_rests_at_best_of_n_and_onto_estimated_ones_next_to_it()
    {
        var problem = T27(LabObjective.RegressionBond) with { K = 15 };

        var exact = LabRun.Solve(problem);
        var sampled = LabRun.Solve(problem with { Gradients = LabGradients.Sampled, Batch = 128, Steps = 500 });

        Near(exact.BestOfN, exact.Probabilities, 1e-5);
        Assert.InRange(sampled.KlFromBestOfN, 0, .01);        // the tabulated optimum is .00244 away, to its side
        Assert.InRange(sampled.KlToBestOfN, 0, .01);
        Near(exact.BestOfN, sampled.Probabilities, 2e-2);
    }

    [Fact]
    public void Supervised_training_on_the_best_reaches_best_of_n()
    {
        var problem = T27(LabObjective.BonSft) with { Steps = 1000 };
        var sampled = LabRun.Solve(problem with { Gradients = LabGradients.Sampled, Batch = 256 });

        Assert.Equal(LabRun.Solve(problem with { Objective = LabObjective.FullBond, Beta = 0 }).JeffreysToBestOfN, LabRun.Solve(problem).JeffreysToBestOfN, 1e-12);
        Near(sampled.BestOfN, sampled.Probabilities, 2e-2);
    }

    [Fact]
    public void Tied_rewards_share_best_of_n_by_level()
    {
        var result = LabRun.Solve(T3(LabObjective.FullBond, 3) with { Rewards = [0, 1, 1], Steps = 3000 });

        Near([.125, .525, .35], result.BestOfN, 1e-12);
        Near([.125, .525, .35], result.Probabilities, 1e-6);
    }
}
