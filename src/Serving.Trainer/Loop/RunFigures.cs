namespace Serving.Trainer.Loop;

/// <summary>What was measured in a run so far; goes into its checkpoints. Immutable.</summary>
/// <param name="Start">The start; null without evaluation.</param>
/// <param name="Last">The newest evaluation after it; null before the first one.</param>
public sealed record RunFigures(StartEvaluation? Start, HeldOutEvaluation? Last);
