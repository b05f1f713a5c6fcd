using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Regression of log pi / mu onto the Best-of-N target (QRPO with f = log and beta = 1/(N_t - 1), specialised to logged groups): no generation needed,
/// and for independent draws of any mu with full support the optimum is pi_BoN. Pure functions of tensors.
/// </summary>
public static class RegressionBondLoss
{
    /// <summary>
    /// Mean over the groups of the mean over their rows of h(log pi(y) - log mu(y) - tau - c), h the square within +-clip and linear outside.
    /// c = 0, or, centred, the mean residual of the group: then log Z of a target with atoms, and whatever the policy cannot yet express
    /// about the prompt as a whole, drop out, and a group's mean log-prob is never moved.
    /// </summary>
    /// <remarks>
    /// The centred variant shrinks tau by K/(K+1). The quantiles of one group are ranks among its own K+1 members, so they correlate with
    /// the mean that is taken away: cov(f(y_1), tau_2) = -cov(f(y_1), tau_1)/K. Without the factor least squares overshoots by (K+1)/K.
    /// </remarks>
    /// <param name="policy">log pi(y), sum over the answer's tokens, [B].</param>
    /// <param name="sampled">log mu(y), the logged log-prob under the distribution drawn from, [B].</param>
    /// <param name="target">tau, [B].</param>
    /// <param name="group">Group of every row, from 0 to <paramref name="groups"/> - 1, int64 [B].</param>
    /// <param name="groups">Number of groups, G.</param>
    /// <param name="shrink">K/(K+1) per row when centred, [B]; null for the plain variant.</param>
    /// <param name="clip">Where the square turns linear: bounds the pull of one row.</param>
    /// <returns>Scalar.</returns>
    public static Tensor Mean(Tensor policy, Tensor sampled, Tensor target, Tensor group, int groups, Tensor? shrink, double clip)
    {
        using var scope = NewDisposeScope();
        var count = zeros(groups, policy.dtype, policy.device).index_add(0, group, ones_like(policy), 1);        // [G]
        var residual = policy - sampled.detach() - (shrink is null ? target : target * shrink);                  // [B]
        if (shrink is not null)
        {
            var mean = zeros(groups, policy.dtype, policy.device).index_add(0, group, residual, 1) / count.clamp_min(1);
            residual -= mean.index_select(0, group);
        }

        var loss = PerRow(residual, clip);                                                                       // [B]
        var perRow = (1.0 / count.clamp_min(1)).index_select(0, group);                                          // [B]
        var used = count.gt(0).sum().to_type(policy.dtype).clamp_min(1);
        return ((loss * perRow).sum() / used).MoveToOuterDisposeScope();
    }

    /// <summary>h(x): the square within +-clip and linear outside, [B].</summary>
    /// <param name="residual">log pi(y) - log mu(y) - tau - c, [B].</param>
    /// <param name="clip">Where the square turns linear; infinity = nowhere.</param>
    public static Tensor PerRow(Tensor residual, double clip)
    {
        using var scope = NewDisposeScope();
        if (double.IsPositiveInfinity(clip))
        {
            return residual.square().MoveToOuterDisposeScope();
        }

        var excess = (residual.abs() - clip).clamp_min(0);
        var inside = residual.clamp(-clip, clip);
        return (inside.square() + (2 * clip * excess)).MoveToOuterDisposeScope();
    }
}
