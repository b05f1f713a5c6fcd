namespace Serving.Batch;

/// <summary>What the verb "score" was asked to do. Immutable.</summary>
/// <param name="Input">File or folder.</param>
/// <param name="Output">File or folder.</param>
internal sealed record ScoreSettings(string Input, string Output);
