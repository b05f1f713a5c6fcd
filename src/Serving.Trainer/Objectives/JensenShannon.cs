using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Divergences between a teacher P and a student Q over the vocabulary, one value per token (GKD, arXiv:2306.13649). Pure functions of tensors;
/// no gradient flows into the teacher.
/// </summary>
public static class JensenShannon
{
    /// <summary>
    /// JSD(b) = b KL(P || M) + (1-b) KL(Q || M) with M = b P + (1-b) Q. The ends, where JSD itself vanishes, are the plain divergences that
    /// its rescaled limits are: b = 0 gives KL(P || Q) (forward), b = 1 gives KL(Q || P) (reverse), as in TRL's GKDTrainer.
    /// </summary>
    /// <param name="studentLogits">[R, V], any floating type.</param>
    /// <param name="teacherLogits">[R, V], same type.</param>
    /// <param name="beta">b, from 0 to 1.</param>
    /// <param name="temperature">Both logits are divided by it.</param>
    /// <returns>[R], in nats.</returns>
    public static Tensor PerToken(Tensor studentLogits, Tensor teacherLogits, double beta, double temperature = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(beta);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(beta, 1);
        using var scope = NewDisposeScope();
        var (logQ, logP) = LogProbs(studentLogits, teacherLogits, temperature);
        Tensor terms;
        if (beta == 0)
        {
            terms = logP.exp() * (logP - logQ);
        }
        else if (beta == 1)
        {
            terms = logQ.exp() * (logQ - logP);
        }
        else
        {
            var logM = logaddexp(logP + Math.Log(beta), logQ + Math.Log(1 - beta));
            terms = (beta * logP.exp() * (logP - logM)) + ((1 - beta) * logQ.exp() * (logQ - logM));
        }

        return terms.sum(-1).MoveToOuterDisposeScope();
    }

    /// <summary>log Q and log P at a temperature, [R, V] each; no gradient flows into P.</summary>
    internal static (Tensor LogQ, Tensor LogP) LogProbs(Tensor studentLogits, Tensor teacherLogits, double temperature)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        if (!studentLogits.shape.AsSpan().SequenceEqual(teacherLogits.shape))
        {
            throw new ArgumentException(
                $"Student logits [{string.Join(", ", studentLogits.shape)}] and teacher logits [{string.Join(", ", teacherLogits.shape)}] differ: "
                + "both models must share one tokenizer.");
        }

        return (special.log_softmax(Scaled(studentLogits, temperature), -1), special.log_softmax(Scaled(teacherLogits.detach(), temperature), -1));
    }

    private static Tensor Scaled(Tensor logits, double temperature) => temperature == 1 ? logits : logits / temperature;
}
