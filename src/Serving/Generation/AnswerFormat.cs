using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Serving.Inference;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>Puts results into the shape of one route, whole or in chunks. Stateless.</summary>
internal abstract class AnswerFormat
{
    public static AnswerFormat Of(AnswerKind kind) => kind == AnswerKind.Chat ? ChatFormat.Instance : TextFormat.Instance;

    public abstract byte[] Whole(GenerationJob job, GenerationResult result);

    /// <summary>The chunk that opens an answer, or null where the route has none.</summary>
    public abstract byte[]? Opening(GenerationJob job, int index);

    public abstract byte[] Text(GenerationJob job, int index, string text);

    /// <summary>The chunk that ends an answer, with its log-probs if asked for and, at the end of a Best-of-N stream, the report.</summary>
    public abstract byte[] Closing(GenerationJob job, int index, Candidate candidate, BestOfNReport? report);

    public abstract byte[] UsageOnly(GenerationJob job, Usage usage);

    public static Usage UsageOf(GenerationJob job, IEnumerable<Candidate> answers)
    {
        var prompt = job.Prompt.Tokens.Length;
        var completion = answers.Sum(c => c.Tokens.Length);
        return new Usage(prompt, completion, prompt + completion, new PromptTokensDetails(0));
    }

    public static BestOfNReport? Report(GenerationJob job, GenerationResult result)
    {
        if (result.Ranking is not { } ranking)
        {
            return null;
        }

        var spent = result.Candidates.Sum(c => c.Tokens.Length);
        return new BestOfNReport(
            result.Candidates.Count,
            ranking.Order[0],
            ranking.Scorecard,
            ranking.Digest,
            ranking.Entries.ToDictionary(entry => entry.Scorer, entry => entry.Weight),
            job.PolicyId,
            job.PolicyDigest,
            unchecked((long)job.Sampling.Seed),
            spent,
            (ranking.Asked - result.Candidates.Count) * spent / result.Candidates.Count,
            ranking.StoppedEarly,
            ranking.StopAt,
            [.. ranking.Scores.Select(Scores)],
            Returned(job, ranking)?.Select(i => Reported(result.Candidates[i], job.Request.LogProbs)).ToArray());
    }

    private static IEnumerable<int>? Returned(GenerationJob job, Ranking ranking) => job.Request.BestOfN?.Return switch
    {
        CandidateReturn.Ranked => ranking.Order,
        CandidateReturn.All => ranking.Order.Order(),
        _ => null,
    };

    public static string Reason(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";

    protected static byte[] Write<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    private static JsonObject Scores(Score score)
    {
        var values = new JsonObject { ["total"] = score.Total };
        foreach (var (scorer, value) in score.Values)
        {
            values[scorer] = value;
        }

        return values;
    }

    private static ReportedCandidate Reported(Candidate candidate, bool logProbs) => new(
        candidate.Index,
        candidate.Text,
        candidate.Tokens,
        logProbs ? candidate.LogProbs : null,
        logProbs ? candidate.SampledLogProbs : null,
        Reason(candidate.FinishReason));
}
