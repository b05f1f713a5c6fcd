using System.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>Plain gradient descent on the logits of a problem's policy, from the reference on. Deterministic: a function of the problem.</summary>
internal static class LabRun
{
    /// <summary>The policy after the problem's steps, against its targets.</summary>
    /// <exception cref="InvalidOperationException">A step gave logits that are no numbers.</exception>
    public static LabResult Solve(LabProblem problem)
    {
        // As in the training loop: a background collection may free a Scalar that a native call still reads. Tables this small gain nothing from a second thread.
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        set_num_threads(1);
        using var space = new SequenceSpace(problem.Vocab, problem.Length);
        using var targets = new LabTargets(problem, space);
        using var policy = new LabPolicy(problem.Policy, space, problem.Reference);
        Descend(problem, space, targets, policy);
        using var scope = NewDisposeScope();
        return LabResult.Of([.. policy.SequenceLogProbs(policy.Logits).data<double>()], targets, problem.Rewards);
    }

    private static void Descend(LabProblem problem, SequenceSpace space, LabTargets targets, LabPolicy policy)
    {
        var exact = new ExactLoss(problem, space, policy, targets);
        var sampled = new SampledLoss(problem, space, policy, targets);
        using var anchor = policy.Logits.clone();
        using var logits = policy.Logits.alias().requires_grad_();
        for (var step = 0; step < problem.Steps; step++)
        {
            using var scope = NewDisposeScope();
            var anchored = problem.Objective == LabObjective.JBond && problem.Eta > 0 ? policy.SequenceLogProbs(anchor) : targets.ReferenceLogProbs;
            var loss = problem.Gradients == LabGradients.Exact ? exact.At(logits, anchored) : sampled.At(step, logits, anchored);
            var gradient = autograd.grad([loss], [logits])[0];
            using var quiet = no_grad();
            policy.Logits.add_(gradient, alpha: -Rate(problem, step));
            if (!policy.Logits.isfinite().all().item<bool>())
            {
                throw new InvalidOperationException($"The logits are no longer numbers after step {step + 1}: lower \"learning_rate\" ({problem.LearningRate}).");
            }

            anchor.mul_(1 - problem.Eta).add_(policy.Logits, alpha: problem.Eta);
        }
    }

    /// <summary>Sampled runs end with a third of their steps at a tenth of the rate, so that what is left of the noise is small.</summary>
    private static double Rate(LabProblem problem, int step) =>
        problem.Gradients == LabGradients.Sampled && step >= problem.Steps - (problem.Steps / 3) ? problem.LearningRate / 10 : problem.LearningRate;
}
