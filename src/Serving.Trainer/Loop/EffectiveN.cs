namespace Serving.Trainer.Loop;

/// <summary>
/// The N at which Best-of-N of the start has the policy's mean total, with a 95 % bootstrap interval over prompts. 1 = no better than one sample of the
/// start; the number of candidates that the start was given = that many or more. Immutable.
/// </summary>
public sealed record EffectiveN(double Value, double Lower, double Upper);
