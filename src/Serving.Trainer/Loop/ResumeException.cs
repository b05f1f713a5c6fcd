namespace Serving.Trainer.Loop;

/// <summary>A run must not go on from its checkpoint; the message says why, and what to do.</summary>
public sealed class ResumeException(string message) : InvalidOperationException(message);
