using Serving.Models;

namespace Serving.Experiments;

/// <summary>All that is known of the comparison of distilled versions with Best-of-N. Immutable; the answer of GET /v1/experiments.</summary>
public sealed record ExperimentReport
{
    /// <summary>Share by which the mean score may be lower, now set.</summary>
    public required double Margin { get; init; }

    /// <summary>Who acts on the evidence, now set.</summary>
    public required GateMode Gate { get; init; }

    /// <summary>Every version that was compared, oldest first.</summary>
    public required IReadOnlyList<CandidateReport> Candidates { get; init; }

    /// <summary>Everything that was decided, in order of time.</summary>
    public required IReadOnlyList<DecisionReport> Decisions { get; init; }

    /// <summary>What callers of "auto" met, by arm and policy.</summary>
    public required IReadOnlyList<ArmReport> Arms { get; init; }

    /// <summary>What they thought of it, by measure and arm.</summary>
    public required IReadOnlyList<FeedbackReport> Feedback { get; init; }

    /// <summary>ln of the e-value of these callers' arms against the shares that were planned; null before the first.</summary>
    public double? SampleRatioLogEvidence { get; init; }

    /// <summary>The arms did not get their shares.</summary>
    public bool SampleRatioAlarm { get; init; }

    /// <summary>Files that could not be read, and what to do; nothing of them is in the figures.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}

/// <summary>The comparison of one version. Immutable.</summary>
public sealed record CandidateReport
{
    /// <summary>"name@version".</summary>
    public required string Candidate { get; init; }

    /// <summary>Pairs in its log.</summary>
    public required int Pairs { get; init; }

    public DateTimeOffset? First { get; init; }

    public DateTimeOffset? Last { get; init; }

    /// <summary>Judges that scored.</summary>
    public required IReadOnlyList<string> Judges { get; init; }

    /// <summary>What the gate goes by: the rules of its last decision, or those that are set now.</summary>
    public required GateRules Rules { get; init; }

    /// <summary>Stretches of one baseline, before and after a promotion, in order of time; each has its own evidence.</summary>
    public required IReadOnlyList<StretchReport> Stretches { get; init; }

    /// <summary>The N at which Best-of-N of the anchor is as good as one answer of this version; null = not measured.</summary>
    public EffectiveNReport? EffectiveN { get; init; }

    /// <summary>The verdict now; null without pairs.</summary>
    internal GateState? Now => Stretches.Count == 0 ? null : Stretches[^1].State;
}

/// <summary>One stretch of pairs. Immutable.</summary>
public sealed record StretchReport
{
    /// <summary>The verdict after its last pair.</summary>
    public required GateState State { get; init; }

    /// <summary>How it came about: densely at first, then ever more sparsely.</summary>
    public required IReadOnlyList<IntervalPoint> Course { get; init; }
}

/// <summary>The interval of candidate less baseline after n pairs. Immutable.</summary>
public sealed record IntervalPoint(int N, double Mean, double Lower, double Upper);

/// <summary>Effective N with its always-valid 95 % interval; an upper bound of null is none. Immutable.</summary>
/// <param name="Pairs">Pairs that told the quantile.</param>
/// <param name="Value">q / (1 - q) of the mean quantile q; null = better than every sample.</param>
/// <param name="Lower">Of the interval.</param>
/// <param name="Upper">Of the interval.</param>
public sealed record EffectiveNReport(int Pairs, double? Value, double? Lower, double? Upper);

/// <summary>One decision with what it rested on. Immutable.</summary>
public sealed record DecisionReport
{
    public required string Candidate { get; init; }

    public required int Number { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>promote, hold, roll-back, pin, unpin or retire.</summary>
    public required string Kind { get; init; }

    /// <summary>"gate", "operator", ...</summary>
    public required string By { get; init; }

    public required string Reason { get; init; }

    /// <summary>Pairs that it rested on; null = it was not the gate's.</summary>
    public int? Pairs { get; init; }

    public double? Lower { get; init; }

    public double? Upper { get; init; }

    internal static DecisionReport Of(string name, Decision decision, GateState? state) => new()
    {
        Candidate = $"{name}@{decision.Version}",
        Number = decision.Number,
        Time = decision.Time,
        Kind = WordOf(decision.Kind),
        By = decision.By,
        Reason = decision.Reason,
        Pairs = state?.N,
        Lower = state?.Lower,
        Upper = state?.Upper,
    };

    /// <summary>As the files of decisions have it.</summary>
    internal static string WordOf(DecisionKind kind) => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(kind.ToString());
}

/// <summary>What the callers of "auto" met who were given one policy. Immutable.</summary>
public sealed record ArmReport
{
    /// <summary>best-of-n or distilled.</summary>
    public required string Arm { get; init; }

    /// <summary>"name@version".</summary>
    public required string Policy { get; init; }

    public required int Requests { get; init; }

    public required double MedianMilliseconds { get; init; }

    public required double P95Milliseconds { get; init; }

    /// <summary>Sampled for an answer, all candidates together.</summary>
    public required double TokensPerAnswer { get; init; }
}

/// <summary>One measure of feedback on the answers of one arm. Immutable.</summary>
/// <param name="Metric">As callers named it.</param>
/// <param name="Arm">best-of-n or distilled.</param>
/// <param name="Count">Answers that were judged; of several judgements of an answer the last counts.</param>
/// <param name="Mean">True counts as 1 and false as 0.</param>
public sealed record FeedbackReport(string Metric, string Arm, int Count, double Mean);
