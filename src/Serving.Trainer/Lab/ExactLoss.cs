using Serving.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>The trainer's losses in expectation over everything that they would draw, by enumeration; no gradient flows through the draws.</summary>
internal sealed class ExactLoss(LabProblem problem, SequenceSpace space, LabPolicy policy, LabTargets targets)
{
    /// <summary>Scalar with gradient.</summary>
    /// <param name="logits">The policy's, with gradient.</param>
    /// <param name="anchor">log-probs of j-bond's anchor, [S].</param>
    public Tensor At(Tensor logits, Tensor anchor)
    {
        if (problem.Objective == LabObjective.Gkd)
        {
            return Distillation(logits);
        }

        var logProbs = policy.SequenceLogProbs(logits);                                              // [S]
        var own = logProbs.detach().exp();                                                           // y ~ pi, [S]
        switch (problem.Objective)
        {
            case LabObjective.FullBond:
                var returns = FullBondLoss.Returns(logProbs, targets.ReferenceLogProbs, targets.LogWeights);
                return (own * FullBondLoss.PerPrompt(logProbs, Mean(targets.BestLogProbs.exp(), logProbs), returns, problem.Beta)).sum();
            case LabObjective.JBond:
                return (own * JBond(logProbs, anchor)).sum();
            case LabObjective.RegressionBond:
                var residual = logProbs - targets.ReferenceLogProbs - targets.LogWeights;            // [S]
                var reference = targets.ReferenceLogProbs.exp();
                return (reference * RegressionBondLoss.PerRow(residual - Mean(reference, residual), double.PositiveInfinity)).sum();
            case LabObjective.BonSft:
                return BonSftLoss.Weighted(logProbs, targets.BestLogProbs.exp());
            default:
                var rewards = ReinforceLoss.Returns(logProbs, targets.ReferenceLogProbs, targets.Rewards, problem.Beta);
                return (own * ReinforceLoss.PerSample(logProbs, rewards)).sum();
        }
    }

    /// <summary>Per sequence y of the policy: two anchor draws are both better than y with probability (1 - p_&lt;=(y))^2, the better one is Best-of-2.</summary>
    private Tensor JBond(Tensor logProbs, Tensor anchor)
    {
        double[] probabilities = [.. anchor.exp().data<double>()];
        var (_, upTo) = BestOfNDistribution.Quantiles(probabilities, problem.Rewards);
        var reward = tensor([.. upTo.Select(p => JBondLoss.Reward(true, true) * (1 - p) * (1 - p))], ScalarType.Float64);
        var best = tensor(BestOfNDistribution.Probabilities(probabilities, problem.Rewards, 2), ScalarType.Float64);
        var returns = JBondLoss.Returns(logProbs, anchor, reward);
        return JBondLoss.PerPrompt(logProbs, anchor, Mean(best, logProbs), returns, problem.Beta, problem.Gamma);
    }

    /// <summary>The mean over a sequence's L tokens, so every prefix counts with its probability over L.</summary>
    private Tensor Distillation(Tensor logits)
    {
        var student = policy.TokenLogProbs(logits);                                                  // [P, V]
        var own = space.PrefixMasses(policy.SequenceLogProbs(logits).detach().exp());                // [P]
        var teachers = space.PrefixMasses(targets.TeacherLogProbs.exp());                            // [P]
        var weights = ((problem.Lambda * own) + ((1 - problem.Lambda) * teachers)) / space.Length;
        return (weights * LabDivergences.Of(problem).PerToken(student, targets.TeacherTokens)).sum();
    }

    private static Tensor Mean(Tensor probabilities, Tensor values) => (probabilities * values).sum();
}
