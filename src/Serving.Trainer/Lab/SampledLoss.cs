using Serving.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>The trainer's losses over a batch of draws, as an online run would see them: every prompt is the same one.</summary>
internal sealed class SampledLoss(LabProblem problem, SequenceSpace space, LabPolicy policy, LabTargets targets)
{
    private readonly LabDraws _draws = new(problem.Seed);
    private readonly double[] _reference = LabDraws.Cumulative(targets.Reference);
    private readonly double[] _teacher = LabDraws.Cumulative(problem.Teacher == LabTeacher.BestOfN ? targets.Best : targets.Reference);

    /// <summary>Scalar with gradient.</summary>
    /// <param name="step">Number of the step: its draws depend on it.</param>
    /// <param name="logits">The policy's, with gradient.</param>
    /// <param name="anchor">log-probs of j-bond's anchor, [S].</param>
    public Tensor At(int step, Tensor logits, Tensor anchor)
    {
        _draws.Begin(step);
        var logProbs = policy.SequenceLogProbs(logits);                                              // [S]
        return problem.Objective switch
        {
            LabObjective.FullBond => FullBond(logProbs),
            LabObjective.JBond => JBond(logProbs, anchor),
            LabObjective.RegressionBond => Regression(logProbs),
            LabObjective.BonSft => BonSftLoss.Weighted(Take(logProbs, Bests()), tensor(1.0 / problem.Batch, ScalarType.Float64)),
            LabObjective.Gkd => Distillation(logits, logProbs),
            _ => Reinforce(logProbs),
        };
    }

    /// <summary>One draw of the policy, N of the reference for the best one, K more for the quantile.</summary>
    private Tensor FullBond(Tensor logProbs)
    {
        var own = Own(logProbs);
        var bests = Bests();
        var logWeights = own.Select(y =>
        {
            var better = _draws.Many(_reference, problem.K).Count(other => problem.Rewards[(int)other] > problem.Rewards[(int)y]);
            return (problem.N - 1) * HarmonicQuantile.LogQuantile(better, problem.K);
        });
        return FullBondLoss.Mean(
            Take(logProbs, own), Take(targets.ReferenceLogProbs, own), Take(logProbs, bests), Row(logWeights), problem.Beta, double.PositiveInfinity);
    }

    private Tensor JBond(Tensor logProbs, Tensor anchor)
    {
        var own = Own(logProbs);
        var cumulative = LabDraws.Cumulative([.. anchor.exp().data<double>()]);
        var bests = new long[own.Length];
        var rewards = new double[own.Length];
        for (var i = 0; i < own.Length; i++)
        {
            var (first, second) = (_draws.One(cumulative), _draws.One(cumulative));
            bests[i] = problem.Rewards[second] > problem.Rewards[first] ? second : first;
            var reward = problem.Rewards[(int)own[i]];
            rewards[i] = JBondLoss.Reward(problem.Rewards[first] > reward, problem.Rewards[second] > reward);
        }

        return JBondLoss.Mean(
            Take(logProbs, own), Take(anchor, own), Take(logProbs, bests), Row(rewards), problem.Beta, problem.Gamma, double.PositiveInfinity);
    }

    /// <summary>Groups of K+1 draws of the reference; the quantile of each is estimated from the K others, the group's mean residual is taken away.</summary>
    private Tensor Regression(Tensor logProbs)
    {
        var size = problem.K + 1;
        var rows = new long[problem.Batch * size];
        var groups = new long[rows.Length];
        var quantiles = new double[rows.Length];
        for (var group = 0; group < problem.Batch; group++)
        {
            var drawn = _draws.Many(_reference, size);
            for (var i = 0; i < size; i++)
            {
                var reward = problem.Rewards[(int)drawn[i]];
                var better = drawn.Count(other => problem.Rewards[(int)other] > reward);
                var row = (group * size) + i;
                (rows[row], groups[row], quantiles[row]) = (drawn[i], group, HarmonicQuantile.Target(better, problem.K, problem.N));
            }
        }

        var shrink = full(rows.Length, problem.K / (double)size, ScalarType.Float64);
        return RegressionBondLoss.Mean(
            Take(logProbs, rows), Take(targets.ReferenceLogProbs, rows), Row(quantiles), tensor(groups), problem.Batch, shrink, double.PositiveInfinity);
    }

    /// <summary>A batch of the teacher's sequences and one of the student's, each where it counts: both expectations in every step, as in the trainer.</summary>
    private Tensor Distillation(Tensor logits, Tensor logProbs)
    {
        var weights = new double[space.Prefixes];
        Visit(_teacher, 1 - problem.Lambda);
        Visit(LabDraws.Cumulative([.. logProbs.detach().exp().data<double>()]), problem.Lambda);
        return (Row(weights) * LabDivergences.Of(problem).PerToken(policy.TokenLogProbs(logits), targets.TeacherTokens)).sum();

        void Visit(double[] cumulative, double share)
        {
            for (var i = 0; share > 0 && i < problem.Batch; i++)
            {
                var sequence = _draws.One(cumulative);
                for (var place = 0; place < space.Length; place++)
                {
                    weights[space.PrefixOf[sequence, place]] += share / problem.Batch / space.Length;
                }
            }
        }
    }

    private Tensor Reinforce(Tensor logProbs)
    {
        var own = Own(logProbs);
        var policyLogProbs = Take(logProbs, own);
        var returns = ReinforceLoss.Returns(policyLogProbs, Take(targets.ReferenceLogProbs, own), Take(targets.Rewards, own), problem.Beta);
        return ReinforceLoss.PerSample(policyLogProbs, LeaveOneOutBaseline.Subtract(returns)).mean();
    }

    private long[] Own(Tensor logProbs) => _draws.Many(LabDraws.Cumulative([.. logProbs.detach().exp().data<double>()]), problem.Batch);

    private long[] Bests()
    {
        var bests = new long[problem.Batch];
        for (var i = 0; i < bests.Length; i++)
        {
            bests[i] = _draws.Best(_reference, problem.Rewards, problem.N);
        }

        return bests;
    }

    private static Tensor Take(Tensor values, long[] rows) => values.index_select(0, tensor(rows, ScalarType.Int64));

    private static Tensor Row(IEnumerable<double> values) => tensor(values.ToArray(), ScalarType.Float64);
}
