using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Serving.Generation;

/// <summary>Answer of /v1/chat/completions.</summary>
public sealed record ChatCompletion(
    string Id,
    string Object,
    long Created,
    string Model,
    string SystemFingerprint,
    IReadOnlyList<ChatChoice> Choices,
    Usage Usage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BestOfNReport? BestOfN);

public sealed record ChatChoice(
    int Index, AssistantMessage Message, [property: JsonPropertyName("logprobs")] ChatLogProbs? LogProbs, string FinishReason);

public sealed record AssistantMessage(string Role, string Content, string? Refusal);

public sealed record ChatLogProbs(IReadOnlyList<TokenLogProb> Content, IReadOnlyList<TokenLogProb>? Refusal);

/// <summary>One token of an answer.</summary>
/// <param name="Token">Its text; bytes that are not whole characters as U+FFFD.</param>
/// <param name="LogProb">Under the model: softmax of the raw logits.</param>
/// <param name="SampledLogProb">Ours: under the distribution actually drawn from, after temperature, top-k and top-p.</param>
/// <param name="Bytes">Its raw bytes; none for a special token.</param>
/// <param name="TopLogProbs">The most probable tokens of its position, best first, as many as were asked for.</param>
public sealed record TokenLogProb(
    string Token,
    [property: JsonPropertyName("logprob")] float LogProb,
    [property: JsonPropertyName("sampled_logprob")] float SampledLogProb,
    IReadOnlyList<int> Bytes,
    [property: JsonPropertyName("top_logprobs")] IReadOnlyList<TopLogProb> TopLogProbs);

/// <summary>One of the most probable tokens of a position, under the model.</summary>
public sealed record TopLogProb(string Token, [property: JsonPropertyName("logprob")] float LogProb, IReadOnlyList<int> Bytes);

/// <summary>One event of a chat stream.</summary>
public sealed record ChatChunk(
    string Id,
    string Object,
    long Created,
    string Model,
    string SystemFingerprint,
    IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Usage? Usage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BestOfNReport? BestOfN);

public sealed record ChatChunkChoice(
    int Index, ChatDelta Delta, [property: JsonPropertyName("logprobs")] ChatLogProbs? LogProbs, string? FinishReason);

public sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content);

/// <summary>Answer of /v1/completions, and one event of its stream.</summary>
public sealed record TextCompletion(
    string Id,
    string Object,
    long Created,
    string Model,
    string SystemFingerprint,
    IReadOnlyList<TextChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Usage? Usage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BestOfNReport? BestOfN);

public sealed record TextChoice(
    int Index, string Text, [property: JsonPropertyName("logprobs")] TextLogProbs? LogProbs, string? FinishReason);

/// <summary>
/// Log-probs in the columns of the older route; offsets count UTF-16 units of the choice's text. Null stands where there is no such figure: the first
/// token of an echoed prompt has no log-prob, and no token of it was drawn.
/// </summary>
public sealed record TextLogProbs(
    IReadOnlyList<string> Tokens,
    [property: JsonPropertyName("token_logprobs")] IReadOnlyList<float?> TokenLogProbs,
    [property: JsonPropertyName("sampled_token_logprobs")] IReadOnlyList<float?> SampledTokenLogProbs,
    [property: JsonPropertyName("top_logprobs")] IReadOnlyList<JsonObject?>? TopLogProbs,
    IReadOnlyList<int> TextOffset);

/// <summary>
/// Tokens of the prompt and of the answers that went out; what all candidates cost stands in <see cref="BestOfNReport"/>.
/// </summary>
public sealed record Usage(int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails);

public sealed record PromptTokensDetails(int CachedTokens);

/// <summary>The vendor field "best_of_n": how the answer was chosen.</summary>
/// <param name="Chosen">Index of the candidate that is choice 0.</param>
/// <param name="Weights">By scorer: total = sum of weight * value.</param>
/// <param name="Policy">"name@version" that sampled the candidates.</param>
/// <param name="Seed">With this seed in the request the same candidates come again.</param>
/// <param name="TokensSpent">Tokens of all candidates together.</param>
/// <param name="TokensSaved">What the candidates that early stopping left out would have come to, at the mean length of the others.</param>
/// <param name="Fallback">True when a scorer failed and Scoring:FallbackScorecard ranked in the place of the scorecard in use; absent otherwise.</param>
/// <param name="EarlyStopAt">The total at which the group would stop; send it as best_of_n.early_stop.at to get the same candidates again.</param>
/// <param name="Scores">By candidate index: {"total":..., "&lt;scorer&gt;":...}.</param>
/// <param name="Candidates">As the request's "return" asked: absent, best first, or in order of index.</param>
public sealed record BestOfNReport(
    int N,
    int Chosen,
    string Scorecard,
    string ScorecardDigest,
    IReadOnlyDictionary<string, double> Weights,
    string Policy,
    string PolicyDigest,
    long Seed,
    int TokensSpent,
    int TokensSaved,
    bool StoppedEarly,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Fallback,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? EarlyStopAt,
    IReadOnlyList<JsonObject> Scores,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ReportedCandidate>? Candidates);

/// <summary>One candidate of the report; its scores stand under the same index in <see cref="BestOfNReport.Scores"/>.</summary>
/// <param name="Index">Number within the group.</param>
/// <param name="Seed">A plain request with this seed gives this candidate alone.</param>
/// <param name="Text">The answer.</param>
/// <param name="Tokens">Its ids.</param>
/// <param name="LogProbs">log p of each token under the model, when asked for.</param>
/// <param name="SampledLogProbs">The same under the distribution that was drawn from.</param>
/// <param name="FinishReason">stop or length.</param>
public sealed record ReportedCandidate(
    int Index,
    long Seed,
    string Text,
    IReadOnlyList<int> Tokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), JsonPropertyName("logprobs")] IReadOnlyList<float>? LogProbs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), JsonPropertyName("sampled_logprobs")]
    IReadOnlyList<float>? SampledLogProbs,
    string FinishReason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(TextCompletion))]
[JsonSerializable(typeof(TokenizeAnswer))]
[JsonSerializable(typeof(DetokenizeAnswer))]
internal sealed partial class GenerationJson : JsonSerializerContext
{
    /// <summary>
    /// Text beyond ASCII is written as it is: half the bytes, and readable with curl. Answers are JSON, never part of a page.
    /// </summary>
    public static GenerationJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
