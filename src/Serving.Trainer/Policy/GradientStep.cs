using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>
/// One optimiser step over gradients that several micro-batches add up to. Micro-batches whose shares are those of the weight of their tokens give the gradient of the
/// whole batch, in the memory of the largest. Used from the training thread.
/// </summary>
/// <param name="parameters">What the optimiser moves.</param>
/// <param name="clipNorm">Largest norm of the whole gradient.</param>
public sealed class GradientStep(IReadOnlyList<Parameter> parameters, optim.Optimizer optimizer, double clipNorm)
{
    /// <summary>Forgets the gradients of the last step and sets the learning rate of this one.</summary>
    public void Begin(double learningRate)
    {
        foreach (var group in optimizer.ParamGroups)
        {
            group.LearningRate = learningRate;
        }

        optimizer.zero_grad();
    }

    /// <summary>Adds share times the gradient of a micro-batch's mean loss; frees its graph.</summary>
    /// <param name="loss">Scalar: mean over the micro-batch.</param>
    /// <param name="share">The micro-batch's share of the weight of the whole batch; the shares of a step sum to 1.</param>
    public static void Add(Tensor loss, double share = 1)
    {
        using var scope = NewDisposeScope();
        (share == 1 ? loss : loss * share).backward();
    }

    /// <summary>Clips the sum and steps. A sum that is not a number leaves the parameters as they are.</summary>
    /// <returns>The norm of the sum before clipping.</returns>
    public double Apply()
    {
        var norm = nn.utils.clip_grad_norm_(parameters, clipNorm);
        if (double.IsFinite(norm))
        {
            optimizer.step();
        }

        return norm;
    }
}
