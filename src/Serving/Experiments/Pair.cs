namespace Serving.Experiments;

/// <summary>One prompt that both arms answered. Immutable; a line of the pair log.</summary>
public sealed record Pair
{
    /// <summary>Of the request; a second pair with this id is ignored.</summary>
    public required string Id { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>The version that is under comparison.</summary>
    public required ComparedAnswer Candidate { get; init; }

    /// <summary>What it is compared with: as a rule Best-of-N on the anchor.</summary>
    public required ComparedAnswer Baseline { get; init; }

    /// <summary>The judge that gave both scores, as "name@version".</summary>
    public string? Judge { get; init; }

    /// <summary>The candidate was the promoted version already: such pairs are its watch, not its comparison.</summary>
    public bool IsPromoted { get; init; }

    /// <summary>Planned probability that the caller of this request gets the candidate, in [0,1]; null = the request named its arm and was not assigned.</summary>
    public double? CandidateShare { get; init; }

    /// <summary>Digest of what the assignment was drawn by: of requests with the same one only the first counts, since they share one draw. Null = each counts.</summary>
    public string? CallerKey { get; init; }

    /// <summary>The caller got the candidate's answer; null = not told.</summary>
    public bool? CandidateWasSeen { get; init; }

    /// <summary>
    /// Share of fresh single samples of the anchor that are no better than the candidate's answer, in [0,1], ties counted half: what effective N is made of.
    /// Null = not measured.
    /// </summary>
    public double? Quantile { get; init; }

    /// <summary>Candidate less baseline, in [-1,1].</summary>
    internal double Difference => Candidate.Score - Baseline.Score;

    /// <summary>Whether it belongs to the same evidence as the pair before it: one baseline, before or after the promotion.</summary>
    internal bool Continues(Pair before) => Baseline.Arm == before.Baseline.Arm && IsPromoted == before.IsPromoted;

    /// <summary>What is wrong with it, or null.</summary>
    internal string? Fault() =>
        Id.Length == 0 ? "\"id\" must not be empty"
        : Candidate.Fault() is { } candidate ? "candidate: " + candidate
        : Baseline.Fault() is { } baseline ? "baseline: " + baseline
        : CandidateShare is not (null or (>= 0 and <= 1)) ? "\"candidate_share\" must lie in [0, 1]"
        : Quantile is not (null or (>= 0 and <= 1)) ? "\"quantile\" must lie in [0, 1]"
        : null;
}
