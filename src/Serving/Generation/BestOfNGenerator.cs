using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Inference;
using Serving.Observability;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>
/// Samples N candidates from one policy version, scores each as it finishes, picks the best and has all of them on disk before it returns.
/// Thread-safe. A scorer that fails fails the request, without a pick or an episode, unless a scorecard to fall back on is configured: then that one ranks.
/// </summary>
public sealed partial class BestOfNGenerator(
    Scorecards scorecards,
    ReservationValues reservations,
    EpisodeLog episodes,
    IOptions<GenerationOptions> options,
    TimeProvider time,
    ILogger<BestOfNGenerator> logger)
{
    private readonly GenerationOptions _options = options.Value;

    public async Task<GenerationResult> GenerateAsync(GenerationJob job, int count, CancellationToken cancellationToken)
    {
        if (!scorecards.Ready)
        {
            throw new ApiException(ApiError.NotReady("The scorers are still being loaded; GET /readyz says what is missing."));
        }

        var request = job.Request.BestOfN;
        var scorer = request?.Scorecard is { } name ? scorecards.Find(name) ?? throw Unknown(name) : scorecards.Default;
        var stopAt = request?.EarlyStop is { } stop ? stop.At ?? reservations.Of(job.PolicyDigest, scorer.Digest, count) : null;
        var fellBack = false;
        IReadOnlyList<Candidate> candidates;
        IReadOnlyList<Score> scores;
        try
        {
            (candidates, scores) = await SampleAndScoreAsync(job, count, stopAt, scorer, cancellationToken);
        }
        catch (ScorerException failure) when (request?.Scorecard is null && scorecards.Fallback is { } fallback)
        {
            // The same candidates again: draws depend on the seed alone. A total to stop at would be one of the other scorecard.
            Log.FellBack(logger, job.Id, scorer.Scorecard, fallback.Scorecard, failure);
            (scorer, stopAt, fellBack) = (fallback, null, true);
            (candidates, scores) = await SampleAndScoreAsync(job, count, stopAt, scorer, cancellationToken);
        }

        var order = Rank(scores);
        var ranking = new Ranking(scorer.Scorecard, scorer.Digest, scorer.Entries, scores, order, count, stopAt, fellBack);
        reservations.Add(job.PolicyDigest, scorer.Digest, count, scores[order[0]].Total);

        if (job.Request.Store && !job.Origin.IsLogged)
        {
            // The group is made and will be on disk: that its caller leaves now changes nothing, and a caller who comes again gets this answer.
            await episodes.AppendAsync(Record(job, candidates, ranking), CancellationToken.None);
        }

        Log.Chosen(logger, job.Id, job.PolicyId, candidates.Count, order[0], scores[order[0]].Total);
        return new GenerationResult(candidates, [.. order.Take(job.Request.Answers)], ranking);
    }

    private async Task<(IReadOnlyList<Candidate> Candidates, IReadOnlyList<Score> Scores)> SampleAndScoreAsync(
        GenerationJob job, int count, double? stopAt, CandidateScorer scorer, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(_options.Deadline, time, cancellationToken);
        var request = Telemetry.Current;                               // the callback comes from the engine's side
        var group = new GroupScores(scorer, Prompt(job).Source, deadline);
        var candidates = new List<Candidate>(count);
        IReadOnlyList<Score> scores = [];
        try
        {
            foreach (var size in stopAt is null ? [count] : EarlyStopping.Sizes(count))
            {
                var drawn = candidates.Count;
                var more = await job.Policy.Engine.SampleAsync(
                    new SampleRequest(Prompt(job).Tokens, job.SamplingOf(Prompt(job)), size - drawn, FirstCandidate: drawn),
                    candidate =>
                    {
                        using var span = RequestTelemetry.Sample(request, candidate with { Index = drawn + candidate.Index });
                        _ = group.Of(candidate.Text);                  // scoring runs while other candidates still decode
                    },
                    deadline.Token);
                candidates.AddRange(more.Select(candidate => candidate with { Index = drawn + candidate.Index }));
                var all = await group.OfAllAsync([.. candidates.Select(c => c.Text)]);
                scores = [.. all.Select((score, i) => candidates[i].Whole ? score : Behind(score))];
                if (scores.Max(score => score.Total) >= stopAt && candidates.Count >= job.Request.Answers)
                {
                    break;
                }
            }

            return (candidates, scores);
        }
        catch (Exception) when (deadline.Explain() is { } reason)
        {
            // What is caught may be an aftermath: the first failure gives up the group, and then the others fail in their own ways.
            throw reason;
        }
        finally
        {
            deadline.Cancel();                                         // after a failure: the other scores are no longer wanted
        }
    }

    private ApiException Unknown(string scorecard) => new(new ApiError(
        StatusCodes.Status404NotFound,
        ApiError.InvalidRequest,
        "scorecard_not_found",
        $"There is no scorecard \"{scorecard}\"; there are: {string.Join(", ", scorecards.Names)}.",
        "best_of_n.scorecard"));

    private static int[] Rank(IReadOnlyList<Score> scores)
    {
        using var span = Telemetry.Begin("select");
        var order = BestOfN.Rank(scores);
        span?.SetTag(GenAi.CandidateIndex, order[0]);
        return order;
    }

    /// <summary>The score of an answer that is not what was asked for, however good it is: that of a veto, so totals alone still tell the order.</summary>
    private static Score Behind(Score score) => score with { Total = score.Total - Scorecard.VetoPenalty, Vetoed = [.. score.Vetoed, "response_format"] };

    private static EncodedPrompt Prompt(GenerationJob job) => job.Prompts[0];      // the router lets no more through

    private static Episode Record(GenerationJob job, IReadOnlyList<Candidate> candidates, Ranking ranking) => new()
    {
        Id = job.Id,
        Created = job.Created,
        Policy = job.PolicyId,
        PolicyDigest = job.PolicyDigest,
        Scorecard = ranking.Scorecard,
        ScorecardDigest = ranking.Digest,
        Source = Prompt(job).Source,
        Prompt = Prompt(job).Text,
        PromptTokens = Prompt(job).Tokens,
        Seed = Prompt(job).Seed,
        Temperature = job.Request.Sampling.Temperature,
        TopK = job.Request.Sampling.TopK,
        TopP = job.Request.Sampling.TopP,
        MinP = job.Request.Sampling.MinP,
        RepetitionPenalty = job.Request.Sampling.RepetitionPenalty,
        PresencePenalty = job.Request.Sampling.PresencePenalty,
        FrequencyPenalty = job.Request.Sampling.FrequencyPenalty,
        HasLogitBias = job.Request.Sampling.LogitBias.Count > 0,
        IgnoreEos = job.Request.Sampling.IgnoreEos,
        MaxTokens = job.Request.Sampling.MaxTokens,
        ResponseFormat = job.Request.ResponseFormat,
        TraceId = job.Origin.TraceId,
        RequestDigest = job.Origin.Digest,
        Chosen = ranking.Order[0],
        Metadata = job.Request.Metadata,

        // Where a draw may end the group, its size tells of its scores; and learning can redo a draw by temperature, top-k and top-p only.
        Independent = ranking.StopAt is null && job.Request.Sampling.IsPlain,
        Candidates = [.. candidates.Select((c, i) => new EpisodeCandidate
        {
            Text = c.Text,
            Tokens = c.Tokens,
            LogProbs = c.LogProbs,
            SampledLogProbs = c.SampledLogProbs,
            Finished = c.FinishReason == FinishReason.Stop,
            Total = ranking.Scores[i].Total,
            Scores = ranking.Scores[i].Values,
        })],
    };

    private static partial class Log
    {
        [LoggerMessage(3000, LogLevel.Debug, "{Id}: policy {Policy}, best of {Count} is candidate {Chosen} with {Total}.")]
        public static partial void Chosen(ILogger logger, string id, string policy, int count, int chosen, double total);

        [LoggerMessage(3002, LogLevel.Warning, "{Id}: a scorer of \"{Scorecard}\" failed; \"{Fallback}\" ranks the candidates instead.")]
        public static partial void FellBack(ILogger logger, string id, string scorecard, string fallback, Exception failure);
    }
}
