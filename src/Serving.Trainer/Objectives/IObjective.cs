using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>What a loss needs in a step; the loop provides exactly that.</summary>
[Flags]
public enum ObjectiveNeeds
{
    None = 0,

    /// <summary>Logged groups.</summary>
    LoggedGroups = 1,

    /// <summary>Fresh answers of the policy under training to every prompt.</summary>
    PolicySamples = 2,

    /// <summary>Fresh answers of the moving anchor to every prompt, and the anchor itself.</summary>
    AnchorSamples = 4,

    /// <summary>The teacher, frozen.</summary>
    Teacher = 8,

    /// <summary>The anchor, without answers of it.</summary>
    Anchor = 16,

    /// <summary>The policy that the run began from, frozen.</summary>
    Start = 32,

    /// <summary>A value head on the policy's hidden states, trained beside it.</summary>
    ValueHead = 64,
}

/// <summary>A loss over one batch. Implementations hold settings only, so one instance serves a whole run; used from the training thread.</summary>
public interface IObjective
{
    /// <summary>Prefix of its figures in the log.</summary>
    string Name { get; }

    ObjectiveNeeds Needs { get; }

    /// <summary>How many answers it wants of each policy whose answers it needs: one of the policy, two of the anchor, unless it says otherwise.</summary>
    FreshAnswers Fresh => new(Needs.HasFlag(ObjectiveNeeds.PolicySamples) ? 1 : 0, Needs.HasFlag(ObjectiveNeeds.AnchorSamples) ? 2 : 0);

    /// <summary>The loss of a step, a scalar with gradient. Created in the caller's dispose scope; figures go to <see cref="ObjectiveInputs.Report(string, Tensor)"/>.</summary>
    Tensor Loss(ObjectiveInputs inputs);
}
