using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Scoring;

/// <summary>Answer of /v1/score.</summary>
public sealed record ScoreAnswer(string Id, string Object, long Created, string Model, IReadOnlyList<ScoredPair> Data, ScoreUsage Usage);

/// <summary>One pair's score.</summary>
/// <param name="Score">In 0..1, or the raw value where the request says raw_scores.</param>
/// <param name="RawLogit">Before calibration: what scorecards add up.</param>
/// <param name="Calibration">How the raw value becomes a score in 0..1: "sigmoid" or "exp".</param>
public sealed record ScoredPair(int Index, string Object, double Score, double RawLogit, string Scorer, string ScorerDigest, string Calibration);

public sealed record ScoreUsage(int PromptTokens, int TotalTokens);

/// <summary>Answer of /v1/rerank: best first.</summary>
/// <param name="Scorer">What scored: the scorer or scorecard behind the request's "model".</param>
/// <param name="Calibration">How raw values become scores in 0..1: "sigmoid" or "exp".</param>
public sealed record RerankAnswer(
    string Id, string Model, ScoreUsage Usage, string Scorer, string ScorerDigest, string Calibration, IReadOnlyList<RankedDocument> Results);

public sealed record RankedDocument(
    int Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DocumentText? Document,
    double RelevanceScore,
    double RawLogit);

public sealed record DocumentText(string Text);

/// <summary>Answer of /classify.</summary>
/// <param name="Aggregation">How the sentences of an answer become one verdict.</param>
public sealed record ClassifyAnswer(
    string Id, string Object, long Created, string Model, string Scorer, string ScorerDigest, string Aggregation, IReadOnlyList<ClassifiedPair> Data, ScoreUsage Usage);

/// <summary>One pair's classes.</summary>
/// <param name="Label">The most probable class.</param>
/// <param name="Probs">Mean over sentences, in the order of <paramref name="Labels"/>.</param>
/// <param name="Score">Mean probability of entailment over sentences.</param>
/// <param name="Min">That of the least supported sentence.</param>
public sealed record ClassifiedPair(
    int Index, string Label, IReadOnlyList<string> Labels, IReadOnlyList<float> Probs, int NumClasses, double Score, double Min, IReadOnlyList<ClassifiedSentence> Sentences);

/// <summary>One sentence against the part of the source that supports it most.</summary>
/// <param name="Unit">Index of that part.</param>
/// <param name="Units">Parts that the source was read in.</param>
/// <param name="Truncated">The sentence was too long and its end was not read.</param>
public sealed record ClassifiedSentence(string Text, string Label, IReadOnlyList<float> Probs, int Unit, int Units, bool Truncated);

/// <summary>Answer of /v1/reward: the scorecard of a conversation's last message.</summary>
/// <param name="Score">The scorecard's total.</param>
/// <param name="Scores">By scorer.</param>
/// <param name="Weights">By scorer: score = sum of weight * value, less the vetoes' penalty.</param>
/// <param name="Vetoed">Scorers that vetoed the message.</param>
public sealed record RewardAnswer(
    string Id,
    string Object,
    long Created,
    string Model,
    string ScorecardDigest,
    double Score,
    IReadOnlyDictionary<string, float> Scores,
    IReadOnlyDictionary<string, double> Weights,
    IReadOnlyList<string> Vetoed);

/// <summary>Answer of /get_reward, OpenRLHF's shape.</summary>
public sealed record RewardList(IReadOnlyList<double> Rewards, IReadOnlyList<double> Scores, IReadOnlyDictionary<string, IReadOnlyList<double>> ExtraLogs);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ScoreAnswer))]
[JsonSerializable(typeof(RerankAnswer))]
[JsonSerializable(typeof(ClassifyAnswer))]
[JsonSerializable(typeof(RewardAnswer))]
[JsonSerializable(typeof(RewardList))]
internal sealed partial class ScoringJson : JsonSerializerContext
{
    /// <summary>Text beyond ASCII as it is: answers are JSON, never part of a page.</summary>
    public static ScoringJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
