namespace Serving.Inference;

/// <summary>What an engine has done since it was made; one moment's reading.</summary>
/// <param name="PrefilledTokens">Prompt tokens run, each prompt counted once however many candidates share it.</param>
/// <param name="ReusedTokens">Prompt tokens that were not run, because an earlier prompt began with them.</param>
/// <param name="GeneratedTokens">Tokens sampled.</param>
/// <param name="Steps">Runs of the model.</param>
/// <param name="ActiveRows">Rows that decode now.</param>
/// <param name="WaitingCandidates">Candidates without a row now.</param>
/// <param name="KeyValueBytes">Memory of keys and values that running answers and kept prompts hold now, in bytes.</param>
public readonly record struct EngineStatistics(
    long PrefilledTokens, long ReusedTokens, long GeneratedTokens, long Steps, int ActiveRows, int WaitingCandidates, long KeyValueBytes);
