using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>Supervised training on weighted answers: forward KL to whatever distribution the weights stand for (BOND eq. 12-13 for Best-of-N). Pure functions.</summary>
public static class BonSftLoss
{
    /// <summary>- sum of w log pi(y), log-probs being sums over the answer's tokens. Scalar.</summary>
    /// <param name="logProbs">log pi(y), [B].</param>
    /// <param name="weights">w, [B] or one for all.</param>
    public static Tensor Weighted(Tensor logProbs, Tensor weights)
    {
        using var scope = NewDisposeScope();
        return (-(logProbs * weights).sum()).MoveToOuterDisposeScope();
    }
}
