using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Observability;
using Serving.Onnx;

namespace Serving.Scoring;

/// <summary>Applies the configured scorecard to answers; owns its scorers. Thread-safe.</summary>
public sealed class CandidateScorer : IDisposable
{
    private readonly Scorecard _card;
    private readonly int _consensus;
    private readonly Func<string, ITextScorer> _open;
    private volatile Loaded? _loaded;
    private volatile string? _loadError;

    /// <summary>Scorers come from the registry once <see cref="Load"/> is called.</summary>
    public CandidateScorer(IOptions<ScoringOptions> options, IOptions<OnnxOptions> onnx, ModelStore store)
    {
        var settings = options.Value;
        var threads = settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount / 2);
        var session = new OnnxOptions { Threads = threads, Spinning = onnx.Value.Spinning };
        _card = Serving.Scoring.Scorecard.From(settings);
        _consensus = _card.ConsensusEntry;
        _open = scorer => scorer switch
        {
            "reward" => Open(store, settings.Reward, session, settings,
                model => new RewardModel(scorer, model, settings.MaxBatch, settings.QueueCapacity)),
            "entailment" => Open(store, settings.Entailment, session, settings,
                model => new EntailmentModel(scorer, model, settings.MaxBatch, settings.QueueCapacity)),
            _ => new StyleScorer(settings.Style),
        };
    }

    /// <summary>Ready at once, with scorers in the order of the scorecard's entries; they are disposed with this.</summary>
    public CandidateScorer(Scorecard card, IReadOnlyList<ITextScorer> scorers)
    {
        if (!card.ScorerEntries.Select(entry => entry.Scorer).SequenceEqual(scorers.Select(scorer => scorer.Name)))
        {
            throw new ArgumentException($"The scorers are not those of scorecard \"{card.Name}\", in its order.", nameof(scorers));
        }

        _card = card;
        _consensus = card.ConsensusEntry;
        _open = name => scorers.First(scorer => scorer.Name == name);
        Load();
    }

    /// <summary>True once the scorer models are loaded and warmed.</summary>
    public bool Ready => _loaded is not null;

    /// <summary>Why the scorers could not be loaded, by the scorer's name; null when they are loaded or nobody has tried yet.</summary>
    public string? LoadError => _loadError;

    /// <summary>Name of the scorecard in use.</summary>
    public string Scorecard => _card.Name;

    /// <summary>The scorecard's entries: what each value counts in the total.</summary>
    public IReadOnlyList<ScorecardEntry> Entries => _card.Entries;

    /// <summary>Digest over the scorecard's weights and its scorers' digests.</summary>
    /// <exception cref="InvalidOperationException">The scorers are not loaded.</exception>
    public string Digest => (_loaded ?? throw new InvalidOperationException("The scorers are not loaded.")).Digest;

    /// <summary>The scorers in use, in the scorecard's order; empty until they are loaded.</summary>
    public IReadOnlyList<ITextScorer> Scorers => _loaded?.Scorers ?? [];

    /// <summary>Loads and warms every scorer of the scorecard; all or none. Does nothing when they are loaded. Not for concurrent use.</summary>
    /// <exception cref="ScorerException">A scorer cannot be loaded; <see cref="LoadError"/> says the same.</exception>
    public void Load()
    {
        if (Ready)
        {
            return;
        }

        var scorers = new List<ITextScorer>();
        foreach (var entry in _card.ScorerEntries)
        {
            try
            {
                scorers.Add(_open(entry.Scorer));
            }
            catch (Exception e)
            {
                scorers.ForEach(scorer => (scorer as IDisposable)?.Dispose());
                var error = new ScorerException(entry.Scorer, e);
                _loadError = error.Message;
                throw error;
            }
        }

        _loaded = new Loaded(scorers, _card.Digest(scorers));
        _loadError = null;
    }

    /// <summary>Scores one answer by itself, by all scorers at the same time; it agrees with nobody (<see cref="InGroup(IReadOnlyList{string}, IReadOnlyList{Score})"/>).</summary>
    /// <exception cref="ScorerException">A scorer failed, gave no number, or is not loaded.</exception>
    public async Task<Score> ScoreAsync(string source, string answer, CancellationToken cancellationToken)
    {
        var loaded = _loaded
            ?? throw new ScorerException(_card.Name, new InvalidOperationException(_loadError ?? "the scorers are still being loaded"));
        var values = await Task.WhenAll(loaded.Scorers.Select(scorer => ScoreAsync(scorer, source, answer, cancellationToken)));
        return _card.Combine(_consensus < 0 ? values : [.. values[.._consensus], 0, .. values[_consensus..]]);
    }

    /// <summary>Scores one answer beside others to the same prompt.</summary>
    /// <inheritdoc cref="ScoreAsync(string, string, CancellationToken)" path="/exception"/>
    public async Task<Score> ScoreAsync(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken)
    {
        var alone = await ScoreAsync(source, answer, cancellationToken);
        return _consensus < 0 ? alone : WithConsensus(alone, Consensus.Of(answer, others));
    }

    /// <summary>The scores of a whole group's answers, from their scores by themselves: adds what only the group knows.</summary>
    public IReadOnlyList<Score> InGroup(IReadOnlyList<string> answers, IReadOnlyList<Score> alone)
    {
        if (_consensus < 0)
        {
            return alone;
        }

        var agreement = Consensus.Within(answers);
        return [.. alone.Select((score, i) => WithConsensus(score, agreement[i]))];
    }

    private Score WithConsensus(Score alone, float agreement)
    {
        float[] values = [.. alone.Values.Select(value => value.Value)];
        values[_consensus] = agreement;
        return _card.Combine(values);
    }

    public void Dispose()
    {
        foreach (var scorer in Scorers)
        {
            (scorer as IDisposable)?.Dispose();
        }
    }

    private static async Task<float> ScoreAsync(ITextScorer scorer, string source, string answer, CancellationToken cancellationToken)
    {
        using var span = Telemetry.Begin("score", scorer.Name);
        float value;
        try
        {
            value = await scorer.ScoreAsync(source, answer, cancellationToken);
        }
        catch (Exception e) when (e is not ScorerException && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            throw new ScorerException(scorer.Name, e);
        }

        // A NaN would win or lose every comparison by accident, so it is a failure like any other.
        return float.IsFinite(value)
            ? value
            : throw new ScorerException(scorer.Name, new ArithmeticException($"the score is {value}, not a number"));
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

    private sealed record Loaded(IReadOnlyList<ITextScorer> Scorers, string Digest);
}
