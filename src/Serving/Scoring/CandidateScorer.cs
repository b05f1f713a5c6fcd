namespace Serving.Scoring;

/// <summary>Applies the configured scorecard to answers. Thread-safe.</summary>
public sealed class CandidateScorer
{
    /// <summary>True once the scorer models are loaded and warmed.</summary>
    public bool Ready => throw new NotImplementedException();

    /// <summary>Name of the scorecard in use.</summary>
    public string Scorecard => throw new NotImplementedException();

    /// <summary>Digest over the scorecard's weights and its scorers' digests.</summary>
    public string Digest => throw new NotImplementedException();

    /// <summary>Scores one answer.</summary>
    /// <exception cref="ScorerException">A scorer failed.</exception>
    public Task<Score> ScoreAsync(string source, string answer, CancellationToken cancellationToken) => throw new NotImplementedException();
}
