using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>What one step does with its batches: losses, their gradients added up, the optimiser, the moving anchor. Used from the training thread.</summary>
/// <param name="options">Of the run.</param>
/// <param name="objective">Of the recipe.</param>
/// <param name="policy">Is trained.</param>
/// <param name="anchor">Follows it; null without one.</param>
/// <param name="teacher">Frozen; null without one.</param>
/// <param name="gradients">Over the policy's parameters.</param>
/// <param name="rate">Of every step.</param>
internal sealed class LearnerStep(
    TrainerOptions options, IObjective objective, PolicyModule policy, AnchorAverage? anchor, PolicyModule? teacher, GradientStep gradients, LearningRate rate)
{
    /// <summary>Takes step number <paramref name="step"/>; disposes the batches.</summary>
    /// <exception cref="InvalidOperationException">The gradient is no longer a number.</exception>
    public void Take(IEnumerable<TokenBatch> batches, int step, StepMeter meter)
    {
        using var whole = NewDisposeScope();
        gradients.Begin(rate.At(step));
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                var inputs = new ObjectiveInputs(policy, batch, options.Temperature, anchor?.Module, teacher);
                var loss = objective.Loss(inputs);
                GradientStep.Add(loss, 1.0 / options.MicroBatches);
                meter.Add(loss, inputs.Figures, batch.Tokens);
            }
        }

        var norm = gradients.Apply();
        if (!double.IsFinite(norm))
        {
            throw new InvalidOperationException(
                $"Step {step}: the gradient is no longer a number. Lower Trainer:LearningRate or Trainer:Bond:Clip and resume from the last checkpoint.");
        }

        anchor?.Update(policy, options.JBond.AnchorRate);
        meter.Add("gradient_norm", norm);
    }
}
