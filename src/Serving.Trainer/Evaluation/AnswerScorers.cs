using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// The scorers of an evaluation: entailment and reward make the scorecard that Best-of-N chooses by, with the style rule and a weight of 1 each as
/// the server's default has them; the judge, an entailment model too, only watches. Each is optional. Owns its models; thread-safe.
/// </summary>
internal sealed class AnswerScorers : IDisposable
{
    private readonly CandidateScorer? _card;
    private readonly EntailmentModel? _judge;

    /// <exception cref="ModelException">There is no such model, or it is of another kind.</exception>
    public AnswerScorers(ModelStore store, string? entailment, string? reward, string? judge, int threads)
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
                var card = new Scorecard(
                    string.Join(" + ", scorers.Select(scorer => scorer.Name)), scorers.Select(scorer => new ScorecardEntry(scorer.Name, 1)));
                _card = new CandidateScorer(card, [.. card.Entries.Select(entry => scorers.First(scorer => scorer.Name == entry.Scorer))]);
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

    /// <summary>The scorecard's verdict; null without a scorecard.</summary>
    public async Task<Score?> ScoreAsync(string source, string answer, CancellationToken cancellationToken) =>
        _card is null ? null : await _card.ScoreAsync(source, answer, cancellationToken);

    /// <summary>The judge's probability that the source supports the answer; null without a judge.</summary>
    public async Task<double?> JudgeAsync(string source, string answer, CancellationToken cancellationToken) =>
        _judge is null ? null : Math.Exp(await _judge.ScoreAsync(source, answer, cancellationToken));

    public void Dispose()
    {
        _card?.Dispose();
        _judge?.Dispose();
    }

    private static ScorerModel Load(ModelStore store, string id, int threads, ScoringOptions settings) =>
        ScorerModel.Load(store.Find(id), new OnnxOptions { Threads = threads }, settings.MaxBatch);
}
