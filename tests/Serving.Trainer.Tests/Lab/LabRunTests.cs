using Serving.Trainer.Lab;
using static Serving.Trainer.Tests.Lab.LabProblems;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Lab;

public sealed class LabRunTests
{
    [Theory]
    [InlineData(LabPolicyKind.Tabular)]
    [InlineData(LabPolicyKind.Unigram)]
    [InlineData(LabPolicyKind.Categorical)]
    public void A_policy_begins_as_the_reference_and_the_result_measures_it(LabPolicyKind policy)
    {
        var result = LabRun.Solve(T27(LabObjective.FullBond) with { Policy = policy, Steps = 0 });

        Near(Objectives.Testbed.T27, result.Probabilities, 1e-15);
        Assert.Equal(0, result.KlToReference, 1e-15);
        Assert.Equal(.633730468, result.KlFromBestOfN, 1e-9);
        Assert.Equal(1.536137871, result.KlToBestOfN, 1e-9);
        Assert.Equal(1.084934169, result.JeffreysToBestOfN, 1e-9);
        Assert.Equal(12.891, result.ExpectedReward, 1e-12);
    }

    [Theory]
    [InlineData(LabObjective.FullBond)]
    [InlineData(LabObjective.JBond)]
    [InlineData(LabObjective.RegressionBond)]
    [InlineData(LabObjective.BonSft)]
    [InlineData(LabObjective.Gkd)]
    [InlineData(LabObjective.Reinforce)]
    public void A_run_is_a_function_of_its_problem_and_sampled_steps_of_the_seed(LabObjective objective)
    {
        var problem = T27(objective) with { Gradients = LabGradients.Sampled, Batch = 8, K = 3, Steps = 5, Eta = .1 };

        var first = LabRun.Solve(problem);

        Assert.Equal(first.Probabilities, LabRun.Solve(problem).Probabilities);
        Assert.NotEqual(first.Probabilities, LabRun.Solve(problem with { Seed = 2 }).Probabilities);
        Assert.NotEqual(first.Probabilities, Objectives.Testbed.T27);
    }

    /// <summary>The mean of many sampled gradients is the exact one: one small step of a large batch against one of the enumeration.</summary>
    [Theory]
    [InlineData(LabObjective.JBond)]
    [InlineData(LabObjective.BonSft)]
    [InlineData(LabObjective.Gkd)]
    [InlineData(LabObjective.Reinforce)]
    public void A_large_batch_steps_as_the_enumeration_does(LabObjective objective)
    {
        var problem = T27(objective) with { Gamma = .7, Lambda = .3, Beta = .4, Batch = 200_000, Steps = 1, LearningRate = .5 };
        var exact = LabRun.Solve(problem);

        var sampled = LabRun.Solve(problem with { Gradients = LabGradients.Sampled });

        var moved = exact.Probabilities.Zip(Objectives.Testbed.T27, (after, before) => Math.Abs(after - before)).Max();
        Near(exact.Probabilities, sampled.Probabilities, moved * .05);
    }

    [Fact]
    public void Improbable_answers_of_a_large_n_keep_every_figure_finite()
    {
        var result = LabRun.Solve(T27(LabObjective.FullBond, 10_000) with { Steps = 3, LearningRate = .01 });

        Assert.Equal(0, result.BestOfN.Min());
        Assert.All([result.KlFromBestOfN, result.KlToBestOfN, result.JeffreysToBestOfN, result.KlToReference], value => Assert.True(double.IsFinite(value)));
    }

    [Fact]
    public void A_vocabulary_of_one_and_best_of_one_have_nothing_to_learn()
    {
        var problem = T3(LabObjective.Gkd, 1) with { Vocab = 1, Length = 4, Reference = [1], Rewards = [5], Steps = 3 };

        Assert.Equal([1], LabRun.Solve(problem).Probabilities);
        Near(T3(LabObjective.FullBond).Reference, LabRun.Solve(T3(LabObjective.FullBond, 1)).Probabilities, 1e-12);
    }

    [Fact]
    public void A_rate_that_is_too_high_is_said_so()
    {
        var problem = T3(LabObjective.Reinforce) with { Rewards = [0, 1e300, -1e300], LearningRate = 1e9 };

        var error = Assert.Throws<InvalidOperationException>(() => LabRun.Solve(problem));

        Assert.Contains("learning_rate", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Many_steps_leave_no_tensor_behind()
    {
        var problem = T27(LabObjective.Gkd) with { Steps = 2, Gradients = LabGradients.Sampled };
        LabRun.Solve(problem);
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        foreach (var objective in Enum.GetValues<LabObjective>())
        {
            LabRun.Solve(problem with { Objective = objective });
            LabRun.Solve(problem with { Objective = objective, Gradients = LabGradients.Exact, Eta = .1 });
        }

        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
