namespace Serving.Scoring;

/// <summary>Applies one scorecard to answers. Immutable; the scorers belong to whoever made them. Thread-safe.</summary>
public sealed class CandidateScorer
{
    private readonly Scorecard _card;

    /// <param name="card">Which scorers count, and how.</param>
    /// <param name="scorers">Those of <see cref="Scorecard.ScorerEntries"/>, in its order.</param>
    public CandidateScorer(Scorecard card, IReadOnlyList<ITextScorer> scorers)
    {
        if (!card.ScorerEntries.Select(entry => entry.Scorer).SequenceEqual(scorers.Select(scorer => scorer.Name)))
        {
            throw new ArgumentException($"The scorers are not those of scorecard \"{card.Name}\", in its order.", nameof(scorers));
        }

        _card = card;
        Scorers = scorers;
        Digest = card.Digest(scorers);
    }

    /// <summary>Name of the scorecard.</summary>
    public string Scorecard => _card.Name;

    /// <summary>The scorecard's entries: what each value counts in the total.</summary>
    public IReadOnlyList<ScorecardEntry> Entries => _card.Entries;

    /// <summary>Digest over the scorecard's weights and its scorers' digests.</summary>
    public string Digest { get; }

    /// <summary>The scorers in use, in the scorecard's order.</summary>
    public IReadOnlyList<ITextScorer> Scorers { get; }

    /// <summary>Scores one answer by itself, by all scorers at the same time; it agrees with nobody (<see cref="InGroup"/>).</summary>
    /// <exception cref="ScorerException">A scorer failed or gave no number.</exception>
    public async Task<Score> ScoreAsync(string source, string answer, CancellationToken cancellationToken)
    {
        var values = await Task.WhenAll(Scorers.Select(scorer => scorer.CheckedScoreAsync(source, answer, cancellationToken)));
        var consensus = _card.ConsensusEntry;
        return _card.Combine(consensus < 0 ? values : [.. values[..consensus], 0, .. values[consensus..]]);
    }

    /// <summary>Scores one answer beside others to the same prompt.</summary>
    /// <exception cref="ScorerException">A scorer failed or gave no number.</exception>
    public async Task<Score> ScoreAsync(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken)
    {
        var alone = await ScoreAsync(source, answer, cancellationToken);
        return _card.ConsensusEntry < 0 ? alone : WithConsensus(alone, Consensus.Of(answer, others));
    }

    /// <summary>The scores of a whole group's answers, from their scores by themselves: adds what only the group knows.</summary>
    public IReadOnlyList<Score> InGroup(IReadOnlyList<string> answers, IReadOnlyList<Score> alone)
    {
        if (_card.ConsensusEntry < 0)
        {
            return alone;
        }

        var agreement = Consensus.Within(answers);
        return [.. alone.Select((score, i) => WithConsensus(score, agreement[i]))];
    }

    private Score WithConsensus(Score alone, float agreement)
    {
        float[] values = [.. alone.Values.Select(value => value.Value)];
        values[_card.ConsensusEntry] = agreement;
        return _card.Combine(values);
    }
}
