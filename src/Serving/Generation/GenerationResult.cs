using Serving.Inference;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>What came out of a job. Immutable.</summary>
/// <param name="Candidates">Everything sampled, prompt by prompt, in order of index.</param>
/// <param name="Answers">Indices of the candidates that go out, in that order.</param>
/// <param name="Ranking">How they were judged; null for plain samples.</param>
public sealed record GenerationResult(IReadOnlyList<Candidate> Candidates, IReadOnlyList<int> Answers, Ranking? Ranking);

/// <summary>The judgement of a Best-of-N group. Immutable.</summary>
/// <param name="Scorecard">Name of the scorecard.</param>
/// <param name="Digest">Its content digest.</param>
/// <param name="Entries">Its entries: total = sum of weight * value.</param>
/// <param name="Scores">One per candidate, in order of index.</param>
/// <param name="Order">All indices, best first.</param>
/// <param name="Asked">Candidates that were asked for; more than there are when the group stopped early.</param>
/// <param name="StopAt">The total at which the group would stop early; null when it would not.</param>
public sealed record Ranking(string Scorecard, string Digest, IReadOnlyList<ScorecardEntry> Entries, IReadOnlyList<Score> Scores, IReadOnlyList<int> Order, int Asked, double? StopAt, bool FellBack)
{
    /// <summary>Fewer candidates were drawn than asked for.</summary>
    public bool StoppedEarly => Scores.Count < Asked;
}
