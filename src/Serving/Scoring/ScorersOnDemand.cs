using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Scoring;

/// <summary>Scorers one by one, each loaded when it is asked for first: for tools that may need none. Thread-safe. Owns them.</summary>
public sealed class ScorersOnDemand(IOptions<ScoringOptions> options, IOptions<OnnxOptions> onnx, ModelStore store) : IDisposable
{
    private readonly Dictionary<string, Scorecards> _loaded = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>A scorecard of this scorer alone, at weight 1; not for the consensus, which no scorer answers for.</summary>
    /// <exception cref="ScorerException">It cannot be loaded.</exception>
    public CandidateScorer Of(string scorer)
    {
        lock (_gate)
        {
            if (!_loaded.TryGetValue(scorer, out var cards))
            {
                cards = new Scorecards(Options.Create(Alone(scorer)), onnx, store);
                _loaded.Add(scorer, cards);
            }

            cards.Load();
            return cards.Default;
        }
    }

    public void Dispose()
    {
        foreach (var cards in _loaded.Values)
        {
            cards.Dispose();
        }
    }

    private ScoringOptions Alone(string scorer)
    {
        var all = options.Value;
        return new ScoringOptions
        {
            Scorecard = scorer,
            Scorecards = { [scorer] = new(StringComparer.OrdinalIgnoreCase) { [scorer] = new ScorerWeight() } },
            Reward = all.Reward,
            Entailment = all.Entailment,
            Threads = all.Threads,
            MaxBatch = all.MaxBatch,
            QueueCapacity = all.QueueCapacity,
            Style = all.Style,
        };
    }
}
