namespace Serving.Trainer.Loop;

/// <summary>What was measured in a run so far; goes into its checkpoints. Immutable.</summary>
/// <param name="Start">What the run is measured against, which is the start unless a reference was named; null without evaluation.</param>
public sealed record RunFigures(StartEvaluation? Start)
{
    /// <summary>The start measured against the reference; null where it is the reference.</summary>
    public HeldOutEvaluation? Begun { get; init; }

    /// <summary>The newest evaluation after the start; null before the first one.</summary>
    public HeldOutEvaluation? Last { get; init; }

    /// <summary>The best evaluation after the start that broke no bound; its weights are what is published. Null when there was none yet.</summary>
    public HeldOutEvaluation? Best { get; init; }

    /// <summary>The newest evaluations, oldest first, the start among them: total and judge only.</summary>
    public IReadOnlyList<HeldOutEvaluation> Recent { get; init; } = [];

    /// <summary>The bound that <see cref="Last"/> breaks; null = none.</summary>
    public StopReason? Stop { get; init; }
}
