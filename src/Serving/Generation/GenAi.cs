namespace Serving.Generation;

/// <summary>Names of OpenTelemetry's conventions for generative AI (semantic-conventions-genai, status Development) and of our own beside them.</summary>
internal static class GenAi
{
    public const string FinishReasons = "gen_ai.response.finish_reasons";
    public const string InputTokens = "gen_ai.usage.input_tokens";
    public const string OperationName = "gen_ai.operation.name";
    public const string OutputTokens = "gen_ai.usage.output_tokens";
    public const string ProviderName = "gen_ai.provider.name";
    public const string RequestChoiceCount = "gen_ai.request.choice.count";
    public const string RequestMaxTokens = "gen_ai.request.max_tokens";
    public const string RequestModel = "gen_ai.request.model";
    public const string RequestSeed = "gen_ai.request.seed";
    public const string RequestTemperature = "gen_ai.request.temperature";
    public const string RequestTopK = "gen_ai.request.top_k";
    public const string RequestTopP = "gen_ai.request.top_p";
    public const string ResponseId = "gen_ai.response.id";
    public const string ResponseModel = "gen_ai.response.model";
    public const string TokenType = "gen_ai.token.type";

    public const string CandidateIndex = "serving.candidate.index";
    public const string Candidates = "serving.request.candidates";

    /// <summary>Our value of <see cref="ProviderName"/>.</summary>
    public const string Provider = "serving";
}
