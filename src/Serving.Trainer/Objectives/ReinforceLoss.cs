using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Policy gradient of E r - beta KL(pi || anchor): the baseline that BOND is compared with (arXiv:2407.14622 section 6). Its optimum is
/// anchor exp(r / beta) / Z. Pure functions of tensors.
/// </summary>
public static class ReinforceLoss
{
    /// <summary>R(y) = r(y) - beta (log pi(y) - log pi_anchor(y)), no gradient, [P].</summary>
    /// <param name="policy">log pi(y), [P].</param>
    /// <param name="anchor">log pi_anchor(y), [P].</param>
    /// <param name="reward">[P].</param>
    /// <param name="beta">Weight of the divergence, in units of reward per nat.</param>
    public static Tensor Returns(Tensor policy, Tensor anchor, Tensor reward, double beta)
    {
        using var scope = NewDisposeScope();
        return (reward.detach() - (beta * (policy.detach() - anchor.detach()))).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Returns of single tokens (arXiv:2306.00186): the reward comes with the last token of an answer, every token pays alpha (log pi - log pi_anchor), and a
    /// token's return is all that comes from it on. The gradient's mean is that of <see cref="Returns"/>, its variance smaller. No gradient, [R].
    /// </summary>
    /// <param name="policy">log pi of every token, answer after answer, [R].</param>
    /// <param name="anchor">log pi_anchor of every token, [R].</param>
    /// <param name="reward">One per answer, [P].</param>
    /// <param name="owner">Answer of every token, ascending, int64 [R].</param>
    /// <param name="alpha">Weight of the divergence, in units of reward per nat.</param>
    public static Tensor TokenReturns(Tensor policy, Tensor anchor, Tensor reward, Tensor owner, double alpha)
    {
        using var scope = NewDisposeScope();
        var cost = alpha * (policy.detach() - anchor.detach());                                                  // [R]
        var before = cost.cumsum(0) - cost;                                                                      // paid by all tokens before, [R]
        var through = zeros_like(reward).index_add(0, owner, cost, 1).cumsum(0);                                 // paid by all answers to this one, [P]
        return (reward.detach().index_select(0, owner) - (through.index_select(0, owner) - before)).MoveToOuterDisposeScope();
    }

    /// <summary>-log pi(y) sg[R - B], of answers or of single tokens, [P].</summary>
    public static Tensor PerSample(Tensor policy, Tensor advantage)
    {
        using var scope = NewDisposeScope();
        return (-policy * advantage.detach()).MoveToOuterDisposeScope();
    }
}
