using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// BoNBoN (arXiv:2406.00832): training on the best of n answers, and regression of the margin between best and worst onto the one that Best-of-n has. Needs no generation
/// and no quantiles. Pure functions.
/// </summary>
public static class BonBonLoss
{
    /// <summary>beta_n = 1 / (2 (n-1) (1 + 1/2 + ... + 1/(n-1))), so that Best-of-n's mean margin is 1 / (2 beta_n); n from 2.</summary>
    public static double Beta(int candidates)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(candidates, 2);

        // The log-quantiles of the best and the worst of n are -1/n and -H_n on average, so H_(n-1) apart: HarmonicQuantile of "all n-1 better", turned round.
        return 1 / (2 * (candidates - 1) * -HarmonicQuantile.LogQuantile(candidates - 1, candidates - 1));
    }

    /// <summary>alpha (-log pi(y_b)) + (1-alpha) (h - 1/(2 beta))^2 with h = log pi/mu (best) - log pi/mu (worst), per group, [G].</summary>
    /// <param name="best">log pi of the best answers, [G].</param>
    /// <param name="worst">log pi of the worst ones, [G].</param>
    /// <param name="sampledBest">log mu of the best ones, [G].</param>
    /// <param name="sampledWorst">log mu of the worst ones, [G].</param>
    /// <param name="beta">beta_n of every group, [G].</param>
    /// <param name="alpha">Share of the supervised part; 0.005 in the authors' run.</param>
    public static Tensor PerGroup(Tensor best, Tensor worst, Tensor sampledBest, Tensor sampledWorst, Tensor beta, double alpha)
    {
        using var scope = NewDisposeScope();
        var margin = best - sampledBest.detach() - (worst - sampledWorst.detach());
        return (((1 - alpha) * (margin - (0.5 / beta)).square()) - (alpha * best)).MoveToOuterDisposeScope();
    }
}
