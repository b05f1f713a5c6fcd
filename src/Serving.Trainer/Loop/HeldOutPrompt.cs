using Serving.Trainer.Data;

namespace Serving.Trainer.Loop;

/// <summary>A prompt that is answered to see how far a run has come, never to learn from. Immutable.</summary>
/// <param name="Asked">What is answered, and the answers that a new one has to agree with.</param>
/// <param name="Reference">What a person wrote; null where nobody did.</param>
public sealed record HeldOutPrompt(PromptText Asked, string? Reference = null);
