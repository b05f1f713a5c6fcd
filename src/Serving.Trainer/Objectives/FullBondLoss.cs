using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// The loss of BOND (arXiv:2407.14622 sections 3 and 4): Jeffreys' J_beta between the policy and Best-of-N of a reference. Per prompt one policy sample y, the
/// best y_b of N reference samples and an estimate of log p_&lt;=(y) from k further ones. Pure functions of tensors.
/// </summary>
public static class FullBondLoss
{
    /// <summary>
    /// G(y) = (N-1) r_BOND(y) - (log pi(y) - log pi_ref(y)), no gradient, [P]: its policy gradient is minus the gradient of KL(pi || BoN) (eq. 15).
    /// </summary>
    /// <param name="policy">log pi(y), [P].</param>
    /// <param name="reference">log pi_ref(y), [P].</param>
    /// <param name="logWeight">
    /// (N-1) r_BOND(y), [P]: exactly <see cref="BestOfNDistribution.LogWeight"/>; from samples (N-1) times <see cref="HarmonicQuantile.LogQuantile"/>,
    /// without the term (B), as in the paper.
    /// </param>
    public static Tensor Returns(Tensor policy, Tensor reference, Tensor logWeight)
    {
        using var scope = NewDisposeScope();
        return (logWeight.detach() - (policy.detach() - reference.detach())).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// (1-beta) (-log pi(y_b)) + beta (-log pi(y) sg[G - B]): gradient of J_beta = (1-beta) KL(BoN || pi) + beta KL(pi || BoN) (eq. 11-13), log-probs being
    /// sums over the answer's tokens.
    /// </summary>
    /// <param name="policy">log pi(y), [P].</param>
    /// <param name="best">log pi(y_b), [P].</param>
    /// <param name="advantage">G - B, [P], no gradient.</param>
    /// <param name="beta">Weight of the backward divergence: 0 = forward only, 1 = backward only.</param>
    /// <returns>[P].</returns>
    public static Tensor PerPrompt(Tensor policy, Tensor best, Tensor advantage, double beta)
    {
        using var scope = NewDisposeScope();
        return (((beta - 1) * best) - (beta * policy * advantage.detach())).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of a batch of P prompts: the mean of <see cref="PerPrompt"/> with the leave-one-out baseline, advantages within +-clip. Scalar.</summary>
    public static Tensor Mean(Tensor policy, Tensor reference, Tensor best, Tensor logWeight, double beta, double clip)
    {
        using var scope = NewDisposeScope();
        var advantage = LeaveOneOutBaseline.Subtract(Returns(policy, reference, logWeight)).clamp(-clip, clip);
        return PerPrompt(policy, best, advantage, beta).mean().MoveToOuterDisposeScope();
    }
}
