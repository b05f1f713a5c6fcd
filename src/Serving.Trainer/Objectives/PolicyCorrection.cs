namespace Serving.Trainer.Objectives;

/// <summary>What is done about answers that another policy drew.</summary>
public enum PolicyCorrection
{
    /// <summary>Nothing: they count as the policy's own.</summary>
    None,

    /// <summary>Truncated ratios per token, answers too far from the policy left out (<see cref="TruncatedWeights"/>).</summary>
    Truncated,

    /// <summary>V-trace (<see cref="Objectives.VTrace"/>), over the group's baseline or a value head.</summary>
    VTrace,
}
