namespace Serving.Batch;

/// <summary>How groups of candidates are drawn for preference pairs. Immutable.</summary>
/// <param name="Candidates">Of each prompt.</param>
/// <param name="Policy">Name in the registry.</param>
/// <param name="Seed">Of all draws, together with each line.</param>
/// <param name="Temperature">As in a request.</param>
/// <param name="TopP">As in a request.</param>
/// <param name="MaxTokens">Null = as configured for requests.</param>
internal sealed record GroupSettings(int Candidates, string Policy, ulong Seed, float Temperature, float TopP, int? MaxTokens);
