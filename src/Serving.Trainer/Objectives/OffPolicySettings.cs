namespace Serving.Trainer.Objectives;

/// <summary>Settings of <see cref="OffPolicyObjective"/>. Immutable.</summary>
public sealed record OffPolicySettings
{
    public PolicyCorrection Correction { get; init; } = PolicyCorrection.VTrace;

    /// <summary>beta of - beta (log pi - log pi_start), a reward of every token.</summary>
    public double KlWeight { get; init; }

    /// <summary>C of truncated weights, and of the band [1/C, C] that the ratio of a whole answer must lie in when <see cref="SequenceMask"/> is set.</summary>
    public double Cap { get; init; } = 2;

    /// <summary>Leave answers out whose whole ratio is outside the band.</summary>
    public bool SequenceMask { get; init; } = true;

    /// <summary>Bad answers further from the policy than this are left out, in nats per token.</summary>
    public double MaxDrift { get; init; } = 0.5;

    public VTraceClips Clips { get; init; } = new();

    /// <summary>A head on the policy's hidden states adds to the group's baseline what an answer's beginning tells of its end; else the baseline stands for every value.</summary>
    public bool ValueHead { get; init; }

    /// <summary>Weight of the value head's loss.</summary>
    public double ValueWeight { get; init; } = 0.5;

    /// <summary>The head learns h(v - baseline), <see cref="ValueRescaling"/>.</summary>
    public bool RescaledValues { get; init; }

    /// <summary>eta of the priorities that are found.</summary>
    public double PriorityShare { get; init; } = 0.9;
}
