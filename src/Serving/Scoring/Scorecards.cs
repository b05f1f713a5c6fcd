using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Scoring;

/// <summary>
/// The configured scorecards over one set of scorers: each scorer that any of them counts is loaded once. Owns the scorers. Thread-safe.
/// </summary>
public sealed class Scorecards : IDisposable
{
    private readonly IReadOnlyList<Scorecard> _cards;
    private readonly string _default;
    private readonly string? _fallback;
    private readonly Func<string, ITextScorer> _open;
    private volatile Loaded? _loaded;
    private volatile string? _loadError;

    /// <summary>Scorers come from the registry once <see cref="Load"/> is called.</summary>
    public Scorecards(IOptions<ScoringOptions> options, IOptions<OnnxOptions> onnx, ModelStore store)
    {
        var settings = options.Value;
        var threads = settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount / 2);
        var session = onnx.Value.WithThreads(threads);
        _cards = Scorecard.AllFrom(settings);
        _default = Scorecard.From(settings).Name;
        _fallback = settings.FallbackScorecard;
        _open = scorer => scorer switch
        {
            "reward" => Open(store, settings.Reward, session, settings,
                model => new RewardModel(scorer, model, settings.MaxBatch, settings.QueueCapacity)),
            "entailment" => Open(store, settings.Entailment, session, settings,
                model => new EntailmentModel(scorer, model, settings.MaxBatch, settings.QueueCapacity)),
            _ => new StyleScorer(settings.Style),
        };
    }

    /// <summary>One scorecard and perhaps one to fall back on, ready at once; the scorers are disposed with this.</summary>
    public Scorecards(Scorecard card, IReadOnlyList<ITextScorer> scorers, Scorecard? fallback = null)
    {
        _cards = fallback is null ? [card] : [card, fallback];
        _default = card.Name;
        _fallback = fallback?.Name;
        _open = name => scorers.First(scorer => scorer.Name == name);
        Load();
    }

    /// <summary>True once the scorer models are loaded and warmed.</summary>
    public bool Ready => _loaded is not null;

    /// <summary>Why the scorers could not be loaded, by the scorer's name; null when they are loaded or nobody has tried yet.</summary>
    public string? LoadError => _loadError;

    /// <summary>Names of all scorecards.</summary>
    public IEnumerable<string> Names => _cards.Select(card => card.Name);

    /// <summary>The scorecard that counts where a request names none.</summary>
    /// <exception cref="ScorerException">The scorers are not loaded.</exception>
    public CandidateScorer Default => Find(_default)!;

    /// <summary>The scorecard that counts in its place when one of its scorers fails; null = there is none.</summary>
    /// <exception cref="ScorerException">The scorers are not loaded.</exception>
    public CandidateScorer? Fallback => _fallback is null ? null : Find(_fallback);

    /// <summary>Every scorer in use, by name.</summary>
    public IReadOnlyDictionary<string, ITextScorer> Scorers => Current.Scorers;

    private Loaded Current => _loaded
        ?? throw new ScorerException(_default, new InvalidOperationException(_loadError ?? "the scorers are still being loaded"));

    /// <summary>The scorecard of a name, upper or lower case; null when there is none.</summary>
    /// <exception cref="ScorerException">The scorers are not loaded.</exception>
    public CandidateScorer? Find(string scorecard) =>
        Current.Cards.FirstOrDefault(card => card.Scorecard.Equals(scorecard, StringComparison.OrdinalIgnoreCase));

    /// <summary>Loads and warms every scorer of the scorecards; all or none. Does nothing when they are loaded. Not for concurrent use.</summary>
    /// <exception cref="ScorerException">A scorer cannot be loaded; <see cref="LoadError"/> says the same.</exception>
    public void Load()
    {
        if (Ready)
        {
            return;
        }

        var scorers = new Dictionary<string, ITextScorer>(StringComparer.Ordinal);
        foreach (var name in _cards.SelectMany(card => card.ScorerEntries).Select(entry => entry.Scorer).Distinct(StringComparer.Ordinal))
        {
            try
            {
                scorers.Add(name, _open(name));
            }
            catch (Exception e)
            {
                Dispose(scorers.Values);
                var error = new ScorerException(name, e);
                _loadError = error.Message;
                throw error;
            }
        }

        _loaded = new Loaded(
            scorers, [.. _cards.Select(card => new CandidateScorer(card, [.. card.ScorerEntries.Select(entry => scorers[entry.Scorer])]))]);
        _loadError = null;
    }

    public void Dispose() => Dispose(_loaded is { } loaded ? loaded.Scorers.Values : []);

    private static void Dispose(IEnumerable<ITextScorer> scorers)
    {
        foreach (var scorer in scorers)
        {
            (scorer as IDisposable)?.Dispose();
        }
    }

    private static T Open<T>(ModelStore store, string id, OnnxOptions session, ScoringOptions settings, Func<ScorerModel, T> create)
    {
        var model = ScorerModel.Load(store.Find(id), session, settings.MaxBatch);
        try
        {
            return create(model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private sealed record Loaded(Dictionary<string, ITextScorer> Scorers, IReadOnlyList<CandidateScorer> Cards);
}
