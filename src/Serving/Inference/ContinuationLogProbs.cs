namespace Serving.Inference;

/// <summary>How probable each token of a continuation is under the model, given all before it. Immutable.</summary>
/// <param name="LogProbs">log p of each token: raw logits, temperature 1.</param>
/// <param name="TopLogProbs">The most probable tokens of each position, best first; empty unless asked for.</param>
public sealed record ContinuationLogProbs(float[] LogProbs, IReadOnlyList<TokenLogProb[]> TopLogProbs);
