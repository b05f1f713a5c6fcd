using Serving.Trainer.Lab;
using static Serving.Trainer.Tests.Lab.LabProblems;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Lab;

/// <summary>Distillation and reinforcement on the exactly solvable problems.</summary>
public sealed class DistillationLabTests
{
    [Theory]
    [InlineData(0, 0, .492059, .307367, .200573, 2)]
    [InlineData(0, .5, .467998, .312429, .219573, 2)]
    [InlineData(0, 1, .447015, .315566, .237420, 2)]
    [InlineData(.1, 0, .494874, .306917, .198209, 10)]
    [InlineData(.1, .5, .470086, .313064, .216851, 10)]
    [InlineData(.1, 1, .448454, .317129, .234418, 10)]
    [InlineData(.5, 0, .507381, .302677, .189942, 4)]
    [InlineData(.5, .5, .478412, .313908, .207680, 4)]
    [InlineData(.5, 1, .453362, .322586, .224051, 4)]
    [InlineData(.9, 0, .538939, .282836, .178225, 10)]
    [InlineData(.9, .5, .497671, .305407, .196922, 10)]
    [InlineData(.9, 1, .463069, .324949, .211981, 10)]
    [InlineData(1, 0, .629598, .218662, .151740, 1)]
    [InlineData(1, .5, .571108, .248301, .180591, 1)]
    [InlineData(1, 1, .526158, .270495, .203347, 1)]
    public void A_student_with_one_set_of_logits_comes_to_rest_by_divergence_and_by_whose_sequences_it_sees(
        double beta, double lambda, double a, double b, double c, double rate)
    {
        var problem = T27(LabObjective.Gkd) with { Policy = LabPolicyKind.Unigram, Beta = beta, Lambda = lambda, LearningRate = rate, Steps = 150 };

        var exact = LabRun.Solve(problem);
        var sampled = LabRun.Solve(problem with { Gradients = LabGradients.Sampled, Batch = 512, Steps = 100 });

        Near([a, b, c], FirstToken(exact), 1e-3);
        Near([a, b, c], FirstToken(sampled), 2e-2);
    }

    [Theory]
    [InlineData(LabDivergence.ForwardKl, 0)]
    [InlineData(LabDivergence.ReverseKl, 1)]
    public void The_plain_divergences_are_the_ends_of_the_generalised_one_whatever_beta_says(LabDivergence divergence, double beta)
    {
        var problem = T27(LabObjective.Gkd) with { Policy = LabPolicyKind.Unigram, Steps = 20 };

        Assert.Equal(
            LabRun.Solve(problem with { Beta = beta }).Probabilities,
            LabRun.Solve(problem with { Divergence = divergence, Beta = .3 }).Probabilities);
    }

    [Theory]
    [InlineData(LabPolicyKind.Tabular, .5, .5, 20)]
    [InlineData(LabPolicyKind.Tabular, 1, 1, 4)]
    [InlineData(LabPolicyKind.Categorical, 0, 0, 20)]
    public void A_student_that_can_express_its_teacher_becomes_it(LabPolicyKind policy, double beta, double lambda, double rate)
    {
        var problem = T27(LabObjective.Gkd, 2) with { Policy = policy, Beta = beta, Lambda = lambda, LearningRate = rate, Steps = 600 };

        var result = LabRun.Solve(problem);

        Near(result.BestOfN, result.Probabilities, 1e-3);
        Near(T27(LabObjective.Gkd).Reference, FirstToken(LabRun.Solve(problem with { Teacher = LabTeacher.Reference, Steps = 5 })), 1e-12);
    }

    /// <summary>What minimises the divergence of whole sequences is not where token-level distillation rests.</summary>
    [Theory]
    [InlineData(0, .492059, .307367, .200573)]
    [InlineData(1, .477092, .443450, .079459)]
    [InlineData(.5, .495906, .344142, .159952)]
    public void With_one_set_of_logits_full_bond_finds_the_nearest_distribution_of_sequences(double beta, double a, double b, double c)
    {
        var result = LabRun.Solve(T27(LabObjective.FullBond) with { Policy = LabPolicyKind.Unigram, Beta = beta, LearningRate = .3, Steps = 400 });

        Near([a, b, c], FirstToken(result), 2e-6);
        var divergence = ((1 - beta) * result.KlFromBestOfN) + (beta * result.KlToBestOfN);
        Assert.Equal(beta switch { 0 => .6332686, 1 => 1.4307242, _ => 1.0713288 }, divergence, 2e-7);
    }

    /// <summary>The optimum of (1-alpha) E r - alpha KL is reference exp((1-alpha) r / alpha) / Z: alpha/(1-alpha) is beta here.</summary>
    [Theory]
    [InlineData(.25, .00573319, .06909257, .92517424)]
    [InlineData(.5, .17900002, .29194350, .52905648)]
    [InlineData(.75, .38219563, .32003819, .29776618)]
    public void Reinforcement_with_a_divergence_rests_at_the_tilted_reference(double alpha, double a, double b, double c)
    {
        var problem = T3(LabObjective.Reinforce) with { Beta = alpha / (1 - alpha), Steps = 1500, LearningRate = .5 / alpha };

        var optimum = T3(LabObjective.Reinforce).Reference.Select((p, r) => p * Math.Exp(r * (1 - alpha) / alpha)).ToArray();
        Near([a, b, c], [.. optimum.Select(p => p / optimum.Sum())], 1e-8);
        Near([a, b, c], LabRun.Solve(problem).Probabilities, 1e-6);
        Near([a, b, c], LabRun.Solve(problem with { Gradients = LabGradients.Sampled, Batch = 512, Steps = 600 }).Probabilities, 2e-2);
    }
}
