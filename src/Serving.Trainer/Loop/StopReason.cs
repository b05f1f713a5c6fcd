namespace Serving.Trainer.Loop;

/// <summary>Why a run ended before its last step, or is not to be trusted at it. Immutable.</summary>
/// <param name="Rule">kl, judge, divergence, length, repetition, distinct or entropy.</param>
/// <param name="Step">The evaluation that showed it.</param>
/// <param name="Value">What was measured.</param>
/// <param name="Bound">What it may be.</param>
/// <param name="Message">Both in a sentence.</param>
public sealed record StopReason(string Rule, int Step, double Value, double Bound, string Message);
