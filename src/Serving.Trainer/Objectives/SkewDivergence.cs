using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// KL against a mixture of both models (DistiLLM, arXiv:2402.03898): bounded where the plain one is not. JSD(b) is b times the forward one at a = b plus (1-b) times the
/// reverse one at a = 1-b. Pure functions of tensors; no gradient flows into the teacher.
/// </summary>
public static class SkewDivergence
{
    /// <summary>KL(P || a P + (1-a) Q), one value per token, [R]; at most -log a.</summary>
    /// <param name="studentLogits">[R, V].</param>
    /// <param name="teacherLogits">[R, V].</param>
    /// <param name="alpha">a, from 0 (the plain divergence) to below 1; 0.1 in the paper.</param>
    /// <param name="temperature">Both logits are divided by it.</param>
    public static Tensor Forward(Tensor studentLogits, Tensor teacherLogits, double alpha, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        var (logQ, logP) = JensenShannon.LogProbs(studentLogits, teacherLogits, temperature);
        return (logP.exp() * (logP - Mixture(logP, logQ, alpha))).sum(-1).MoveToOuterDisposeScope();
    }

    /// <summary>KL(Q || (1-a) P + a Q), one value per token, [R]; parameters as in <see cref="Forward"/>.</summary>
    public static Tensor Reverse(Tensor studentLogits, Tensor teacherLogits, double alpha, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        var (logQ, logP) = JensenShannon.LogProbs(studentLogits, teacherLogits, temperature);
        return (logQ.exp() * (logQ - Mixture(logQ, logP, alpha))).sum(-1).MoveToOuterDisposeScope();
    }

    /// <summary>log(share own + (1-share) other).</summary>
    private static Tensor Mixture(Tensor logOwn, Tensor logOther, double share)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(share, 1);
        return share == 0 ? logOther : logaddexp(logOwn + Math.Log(share), logOther + Math.Log(1 - share));
    }
}
