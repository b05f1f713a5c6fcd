using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>What one step does with its batches: losses, their gradients added up, the optimiser, the moving anchor. Used from the training thread.</summary>
/// <param name="options">Of the run.</param>
/// <param name="objective">Of the recipe.</param>
/// <param name="models">What the objective may look at; the policy is trained, the anchor follows it.</param>
/// <param name="window">Where the batches come from; learns the new priorities of what was drawn.</param>
/// <param name="gradients">Over the policy's parameters.</param>
/// <param name="rate">Of every step.</param>
internal sealed class LearnerStep(
    TrainerOptions options, IObjective objective, StepModels models, ReplayWindow window, GradientStep gradients, LearningRate rate)
{
    private readonly AnchorSchedule _anchor = Recipe.Anchor(options);

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
                var inputs = new ObjectiveInputs(
                    models.Policy, batch, options.Temperature, models.Anchor?.Module, models.Teacher, models.Start, models.Head);
                var loss = objective.Loss(inputs);
                if (inputs.Priorities is { } priorities)
                {
                    window.Update(batch.Draws, priorities);
                }

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

        models.Anchor?.Update(models.Policy, _anchor.ShareAfter(step));
        meter.Add("gradient_norm", norm);
    }
}

/// <summary>The models of a step.</summary>
/// <param name="Policy">Is trained.</param>
/// <param name="Anchor">Follows it; null without one.</param>
/// <param name="Teacher">Frozen; null without one.</param>
/// <param name="Start">The policy as the run began, frozen; null where no objective needs it.</param>
/// <param name="Head">Values of states, trained beside the policy; null without one.</param>
internal sealed record StepModels(PolicyModule Policy, AnchorAverage? Anchor, PolicyModule? Teacher, PolicyModule? Start, ValueHead? Head);
