using System.Globalization;
using Microsoft.Extensions.Options;
using Serving.Generation;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// The scorers of an evaluation: entailment and reward make the scorecard that Best-of-N chooses by, with the style rule and the consensus of the
/// samples, weighted as in the server's built-in scorecard; the judge, an entailment model too, only watches. Each model is optional. Owns its
/// models; thread-safe.
/// </summary>
internal sealed class AnswerScorers : IDisposable
{
    private readonly Scorecards? _cards;
    private readonly CandidateScorer? _card;
    private readonly EntailmentModel? _judge;
    private readonly ReservationValues _reservations = new(Options.Create(new GenerationOptions()));

    /// <exception cref="ModelException">There is no such model, or it is of another kind.</exception>
    /// <param name="store">Where the models are.</param>
    /// <param name="entailment">Entailment model of the scorecard.</param>
    /// <param name="reward">Reward model of the scorecard.</param>
    /// <param name="judge">Entailment model that only watches.</param>
    /// <param name="weights">Weights by scorer that differ from the built-in ones.</param>
    /// <param name="threads">Per model; 0 = every core.</param>
    public AnswerScorers(
        ModelStore store, string? entailment, string? reward, string? judge, IReadOnlyDictionary<string, double> weights, int threads)
    {
        var settings = new ScoringOptions();
        var scorers = new List<ITextScorer>();
        try
        {
            if (entailment is not null)
            {
                scorers.Add(new EntailmentModel("entailment", Load(store, entailment, threads, settings), settings.MaxBatch, settings.QueueCapacity));
            }

            if (reward is not null)
            {
                scorers.Add(new RewardModel("reward", Load(store, reward, threads, settings), settings.MaxBatch, settings.QueueCapacity));
            }

            if (scorers.Count > 0)
            {
                scorers.Add(new StyleScorer(settings.Style));
                ScorecardEntry[] entries =
                [
                    .. Serving.Scoring.Scorecard.BuiltInEntries
                        .Where(entry => entry.Scorer == Consensus.Name || scorers.Exists(scorer => scorer.Name == entry.Scorer))
                        .Select(entry => entry with { Weight = weights.GetValueOrDefault(entry.Scorer, entry.Weight) }),
                ];
                var card = new Scorecard(
                    string.Join(" + ", entries.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Weight} {entry.Scorer}"))), entries);
                _cards = new Scorecards(card, scorers);
                _card = _cards.Default;
            }

            _judge = judge is null ? null : new EntailmentModel("judge", Load(store, judge, threads, settings), settings.MaxBatch, settings.QueueCapacity);
        }
        catch
        {
            scorers.ForEach(scorer => (scorer as IDisposable)?.Dispose());
            throw;
        }
    }

    /// <summary>Name of the scorecard; null without one.</summary>
    public string? Scorecard => _card?.Scorecard;

    /// <summary>The scorecard's verdict on an answer beside others; null without a scorecard.</summary>
    public async Task<Score?> ScoreAsync(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken) =>
        _card is null ? null : await _card.ScoreAsync(source, answer, others, cancellationToken);

    /// <summary>
    /// What Best-of-N takes from the first n answers, which agree with these only, for each n; and what early stopping takes of the first
    /// <paramref name="earlyOf"/>, learning where to stop from the groups before. Null without a scorecard.
    /// </summary>
    public async Task<AnswerChoices?> ChooseAsync(
        string source, IReadOnlyList<string> answers, IReadOnlyList<int> sizes, int earlyOf, CancellationToken cancellationToken)
    {
        if (_card is null)
        {
            return null;
        }

        var alone = await Task.WhenAll(answers.Select(answer => _card.ScoreAsync(source, answer, cancellationToken)));
        (int Best, double Total) Choose(int count)
        {
            var scores = _card.InGroup([.. answers.Take(count)], alone[..count]);
            var best = BestOfN.Select(scores);
            return (best, scores[best].Total);
        }

        var stopAt = _reservations.Of("", "", earlyOf) ?? double.PositiveInfinity;
        var early = EarlyStopping.Sizes(earlyOf).Select(size => (Size: size, Choice: Choose(size))).First(look => look.Choice.Total >= stopAt || look.Size == earlyOf);
        _reservations.Add("", "", earlyOf, early.Choice.Total);
        return new AnswerChoices([.. sizes.Select(size => Choose(size).Best)], early.Choice.Best, early.Size);
    }

    /// <summary>The judge's probability that the source supports the answer; null without a judge.</summary>
    public async Task<double?> JudgeAsync(string source, string answer, CancellationToken cancellationToken) =>
        _judge is null ? null : Math.Exp(await _judge.ScoreAsync(source, answer, cancellationToken));

    public void Dispose()
    {
        _cards?.Dispose();
        _judge?.Dispose();
    }

    private static ScorerModel Load(ModelStore store, string id, int threads, ScoringOptions settings) =>
        ScorerModel.Load(store.Find(id), new OnnxOptions { Threads = threads }, settings.MaxBatch);
}
