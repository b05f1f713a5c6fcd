namespace Serving.Batch;

/// <summary>What another scorecard would have changed, over all episodes so far. Holds a few examples, so its size does not grow with the log. Not thread-safe.</summary>
/// <param name="examples">How many of the changed episodes to keep: those that gain most in total.</param>
internal sealed class RerankSummary(int examples)
{
    private readonly SortedDictionary<string, ScoreChange> _scores = new(StringComparer.Ordinal);
    private readonly List<RerankedEpisode> _examples = [];

    public long Episodes { get; private set; }

    /// <summary>Episodes whose answer would have been another text.</summary>
    public long Changed { get; private set; }

    /// <summary>Sum of the gains in the scorecard's total.</summary>
    public double Gain { get; private set; }

    /// <summary>By scorer, logged or of the scorecard.</summary>
    public IReadOnlyDictionary<string, ScoreChange> Scores => _scores;

    /// <summary>The largest gains first.</summary>
    public IReadOnlyList<RerankedEpisode> Examples => _examples;

    public void Add(RerankedEpisode episode)
    {
        Episodes++;
        var (old, best) = (episode.Scores[episode.Episode.Chosen], episode.Scores[episode.Best]);
        for (var i = 0; i < old.Count; i++)
        {
            _scores[old[i].Key] = _scores.GetValueOrDefault(old[i].Key).With(old[i].Value, best[i].Value, episode.Changes);
        }

        Gain += episode.Gain;
        if (!episode.Changes)
        {
            return;
        }

        Changed++;
        var place = _examples.FindIndex(other => other.Gain < episode.Gain);
        _examples.Insert(place < 0 ? _examples.Count : place, episode);
        if (_examples.Count > examples)
        {
            _examples.RemoveAt(examples);
        }
    }
}

/// <summary>One scorer's values of what went out and of what would have. Immutable.</summary>
/// <param name="Episodes">Episodes that have a value.</param>
/// <param name="Changed">Those of them whose answer changes.</param>
internal readonly record struct ScoreChange(long Episodes, long Changed, double OldSum, double NewSum)
{
    public double Old => OldSum / Episodes;

    public double New => NewSum / Episodes;

    /// <summary>Mean over all episodes.</summary>
    public double Change => (NewSum - OldSum) / Episodes;

    /// <summary>Mean over those that change; null when none does.</summary>
    public double? ChangeOfChanged => Changed == 0 ? null : (NewSum - OldSum) / Changed;

    public ScoreChange With(float old, float @new, bool changes) => changes
        ? new(Episodes + 1, Changed + 1, OldSum + old, NewSum + @new)
        : new(Episodes + 1, Changed, OldSum + old, NewSum + old);            // the same text has the same score, whatever its index
}
