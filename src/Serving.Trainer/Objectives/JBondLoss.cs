using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// The loss of J-BOND (arXiv:2407.14622 section 5, algorithm 2): one policy sample y and two anchor samples per prompt. Pure functions of tensors.
/// </summary>
public static class JBondLoss
{
    /// <summary>
    /// log 16: the reward -log 16 (1-p)^2 that "worse than both anchor samples" has on average equals log p at the median (appendix A.4).
    /// </summary>
    public static readonly double Penalty = Math.Log(16);

    /// <summary>r_J(y) = -log 16 when both anchor samples are strictly better than y, else 0 (eq. 17).</summary>
    public static double Reward(bool firstIsBetter, bool secondIsBetter) => firstIsBetter && secondIsBetter ? -Penalty : 0;

    /// <summary>The loss of a batch of P prompts: the mean of <see cref="PerPrompt"/> with the leave-one-out baseline. Scalar.</summary>
    public static Tensor Mean(Tensor policy, Tensor anchor, Tensor best, Tensor reward, double beta, double gamma, double clip)
    {
        using var scope = NewDisposeScope();
        var advantage = LeaveOneOutBaseline.Subtract(Returns(policy, anchor, reward)).clamp(-clip, clip);
        return PerPrompt(policy, anchor, best, advantage, beta, gamma).mean().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// (1-beta) (-log pi(y_b)) + beta (-log pi(y) sg[R - B]) + gamma log pi(y) sg[log pi(y) - log pi_anchor(y)], log-probs being sums over the
    /// answer's tokens. The last term's sign is the opposite of the one printed in algorithm 2 (v1): eq. 19 minimises + gamma KL(pi || anchor),
    /// whose gradient is + E[grad log pi (log pi - log anchor)]; the printed sign would push the policy away from its anchor.
    /// </summary>
    /// <param name="policy">log pi(y), [P].</param>
    /// <param name="anchor">log pi_anchor(y), [P], no gradient.</param>
    /// <param name="best">log pi(y_b) of the better anchor sample, [P].</param>
    /// <param name="advantage">R - B, [P], no gradient; bounded, so that one long answer cannot own the step.</param>
    /// <param name="beta">Weight of the backward divergence in Jeffreys' J_beta (eq. 11).</param>
    /// <param name="gamma">Weight of the extra divergence from the anchor.</param>
    /// <returns>[P].</returns>
    public static Tensor PerPrompt(Tensor policy, Tensor anchor, Tensor best, Tensor advantage, double beta, double gamma)
    {
        using var scope = NewDisposeScope();
        var forward = -best;
        var backward = -policy * advantage.detach();
        var regulariser = policy * (policy.detach() - anchor.detach());
        return (((1 - beta) * forward) + (beta * backward) + (gamma * regulariser)).MoveToOuterDisposeScope();
    }

    /// <summary>R = r_J(y) - (log pi(y) - log pi_anchor(y)), no gradient, [P].</summary>
    public static Tensor Returns(Tensor policy, Tensor anchor, Tensor reward)
    {
        using var scope = NewDisposeScope();
        return (reward - (policy.detach() - anchor.detach())).MoveToOuterDisposeScope();
    }
}
