namespace Serving.Inference;

/// <summary>What an engine has done since it was made; one moment's reading.</summary>
/// <param name="PrefilledTokens">Prompt tokens run, each prompt counted once however many candidates share it.</param>
/// <param name="GeneratedTokens">Tokens sampled.</param>
/// <param name="PrefillSteps">Chunks run.</param>
/// <param name="DecodeSteps">Steps of all active rows.</param>
/// <param name="ActiveRows">Rows that decode now.</param>
/// <param name="WaitingCandidates">Candidates without a row now.</param>
public readonly record struct EngineStatistics(
    long PrefilledTokens, long GeneratedTokens, long PrefillSteps, long DecodeSteps, int ActiveRows, int WaitingCandidates);
