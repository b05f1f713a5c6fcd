using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.Scoring;

/// <summary>What a request names as its model: a scorecard or one scorer. Immutable.</summary>
internal sealed class ScoreTarget
{
    private readonly CandidateScorer? _card;
    private readonly ITextScorer? _scorer;

    private ScoreTarget(CandidateScorer card) => (_card, Name, Digest) = (card, card.Scorecard, card.Digest);

    private ScoreTarget(ITextScorer scorer) => (_scorer, Name, Digest) = (scorer, scorer.Name, scorer.Digest);

    public string Name { get; }

    public string Digest { get; }

    /// <summary>How <see cref="Relevance"/> maps raw values to 0..1: the id that answers carry, for order and scale are what users trip on.</summary>
    public string Calibration => _scorer is EntailmentModel or StyleScorer ? "exp" : "sigmoid";

    /// <summary>The target of a name; null or "auto" = the scorecard in use.</summary>
    /// <exception cref="ApiException">There is none (404), or the scorers are not loaded yet (503).</exception>
    public static ScoreTarget Of(string? model, Scorecards scorecards)
    {
        if (!scorecards.Ready)
        {
            throw new ApiException(ApiError.NotReady("The scorers are still being loaded; GET /readyz says what is missing."));
        }

        if (model is null or "auto")
        {
            return new ScoreTarget(scorecards.Default);
        }

        return scorecards.Scorers.TryGetValue(model, out var scorer) ? new ScoreTarget(scorer)
            : scorecards.Find(model) is { } card ? new ScoreTarget(card)
            : throw new ApiException(new ApiError(
                StatusCodes.Status404NotFound,
                ApiError.InvalidRequest,
                "model_not_found",
                $"There is no scorer or scorecard \"{model}\"; there are: {string.Join(", ", [.. scorecards.Scorers.Keys, .. scorecards.Names])}.",
                "model"));
    }

    /// <summary>The raw value: a scorecard's total, a reward's logit, the mean log-probability of entailment, minus the style rules broken.</summary>
    /// <exception cref="ScorerException">A scorer failed.</exception>
    public async Task<double> RawAsync(string source, string answer, CancellationToken cancellationToken) => _card is not null
        ? (await _card.ScoreAsync(source, answer, cancellationToken)).Total
        : await _scorer!.CheckedScoreAsync(source, answer, cancellationToken);

    /// <summary>The value in 0..1: the probability of entailment, or the logistic function of the raw value.</summary>
    public double Relevance(double raw) => Calibration == "exp" ? Math.Exp(raw) : 1 / (1 + Math.Exp(-raw));

    /// <summary>Tokens of a pair for the models that read it; 0 where only rules do.</summary>
    public int TokensOf(string source, string answer) =>
        (_card?.Scorers ?? [_scorer!]).Sum(scorer => scorer switch
        {
            EntailmentModel entailment => entailment.TokensOf(source, answer),
            RewardModel reward => reward.TokensOf(source, answer),
            _ => 0,
        });
}
