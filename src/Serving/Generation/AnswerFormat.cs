using System.Text;
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

    /// <param name="job">What was asked.</param>
    /// <param name="result">What came out.</param>
    /// <param name="echoes">The prompts that answers begin with, by prompt; none = they do not.</param>
    public abstract byte[] Whole(GenerationJob job, GenerationResult result, IReadOnlyList<EchoedPrompt> echoes);

    /// <summary>The chunk that opens an answer, or null where there is none.</summary>
    public abstract byte[]? Opening(GenerationJob job, int index, IReadOnlyList<EchoedPrompt> echoes);

    /// <summary>A piece of an answer with the tokens that it makes certain; none unless log-probs are asked for.</summary>
    public abstract byte[] Text(GenerationJob job, int index, string text, IReadOnlyList<ShownToken> tokens);

    /// <summary>The chunk that ends an answer, with the tokens that no piece of text has shown and, at the end of a Best-of-N stream, the report.</summary>
    public abstract byte[] Closing(GenerationJob job, int index, Candidate candidate, IReadOnlyList<ShownToken> tokens, BestOfNReport? report);

    public abstract byte[] UsageOnly(GenerationJob job, Usage usage);

    /// <param name="job">What was asked.</param>
    /// <param name="answers">All that went out, in order of choice.</param>
    public static Usage UsageOf(GenerationJob job, IReadOnlyList<Candidate> answers)
    {
        var prompt = job.Prompts.Sum(p => p.Tokens.Length);
        var completion = answers.Sum(c => c.Tokens.Length);

        // Answers of one prompt that stream side by side ask for it one after the other; the first of them pays.
        var cached = answers.Chunk(job.Request.Answers).Sum(group => group.Min(c => c.CachedTokens));
        return new Usage(prompt, completion, prompt + completion, new PromptTokensDetails(cached));
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
            unchecked((long)job.Prompts[0].Seed),
            spent,
            (ranking.Asked - result.Candidates.Count) * spent / result.Candidates.Count,
            ranking.StoppedEarly,
            ranking.FellBack,
            ranking.StopAt,
            [.. ranking.Scores.Select(Scores)],
            Returned(job, ranking)?.Select(i => Reported(result.Candidates[i], job.Prompts[0].Seed, job.Request.LogProbs)).ToArray());
    }

    private static IEnumerable<int>? Returned(GenerationJob job, Ranking ranking) => job.Request.BestOfN?.Return switch
    {
        CandidateReturn.Ranked => ranking.Order,
        CandidateReturn.All => ranking.Order.Order(),
        _ => null,
    };

    public static string Reason(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";

    /// <summary>A token's own text; bytes that are not whole characters as U+FFFD.</summary>
    protected static string TextOf(GenerationJob job, int token) => Encoding.UTF8.GetString(job.Tokenizer.BytesOf(token).Span);

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

    private static ReportedCandidate Reported(Candidate candidate, ulong seed, bool logProbs) => new(
        candidate.Index,
        unchecked((long)CounterRandom.ChildSeed(seed, candidate.Index)),
        candidate.Text,
        candidate.Tokens,
        logProbs ? candidate.LogProbs : null,
        logProbs ? candidate.SampledLogProbs : null,
        Reason(candidate.FinishReason));
}
