using System.Diagnostics;
using Serving.Generation;
using Serving.Inference;
using Serving.Models;
using Serving.Requests;

namespace Serving.Comparison;

/// <summary>Answers somebody's request once more, by another arm, for nobody but the comparison. Thread-safe.</summary>
internal sealed class ArmGenerator(GenerationRouter router, BestOfNGenerator bestOfN, DirectGenerator direct, TimeProvider time)
{
    /// <summary>The best of N answers of a policy, logged as an episode when the request may be; or one answer, when there is no N.</summary>
    /// <param name="request">Whose question is asked.</param>
    /// <param name="candidates">N; null = one answer.</param>
    /// <param name="seed">Of the draws; null = any.</param>
    /// <param name="policy">Given back by the time this returns.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ArmAnswer> AnswerAsync(
        GenerationRequest request, int? candidates, ulong? seed, Lease<LoadedPolicy> policy, CancellationToken cancellationToken)
    {
        var again = Again(request) with { BestOfN = candidates is { } n ? new BestOfNRequest(n, CandidateReturn.Best) : null, Seed = seed };
        using var job = router.Begin(policy, again, RequestStamp.Now(time), RequestOrigin.File);
        var begun = Stopwatch.GetTimestamp();
        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        var chosen = result.Candidates[result.Answers[0]];
        return new ArmAnswer(
            job.Prompts[0].Source, chosen.Text, job.PolicyId, chosen.Tokens.Length, result.Candidates.Sum(candidate => candidate.Tokens.Length), Stopwatch.GetElapsedTime(begun));
    }

    /// <summary>The answer that has gone out already.</summary>
    public static ArmAnswer Of(AnsweredRequest answered)
    {
        var chosen = answered.Result.Candidates[answered.Result.Answers[0]];
        return new ArmAnswer(
            answered.Source, chosen.Text, answered.Policy, chosen.Tokens.Length, answered.Result.Candidates.Sum(candidate => candidate.Tokens.Length), answered.Duration);
    }

    /// <summary>The same question without what only its caller needs. The draw is another: arms must not share luck.</summary>
    private static GenerationRequest Again(GenerationRequest request) => request with
    {
        Answers = 1,
        LogProbs = false,
        Echo = false,
        Stream = false,
        IncludeUsage = false,
        Sampling = request.Sampling with { TopLogProbs = 0 },
        Metadata = new Dictionary<string, string>(request.Metadata) { ["origin"] = "comparison" },
    };
}
