namespace Serving.Experiments;

/// <summary>What an arm's answers took, over the pairs in which both arms were measured; null = not measured. Immutable.</summary>
public sealed record CostState
{
    public double? MedianLatencyMilliseconds { get; init; }

    public double? P95LatencyMilliseconds { get; init; }

    /// <summary>Generated tokens, those of losing candidates included.</summary>
    public double? TokensPerAnswer { get; init; }

    public double? ProcessorSecondsPerAnswer { get; init; }
}

/// <summary>A gate's verdict after some pairs, with all that it rests on. Immutable.</summary>
public sealed record GateState
{
    /// <summary>Pairs of the candidate's log that were read for it: "ab replay" reads as many.</summary>
    public required int Position { get; init; }

    /// <summary>Pairs that count: those of the present baseline, and since the promotion if there was one.</summary>
    public required int N { get; init; }

    /// <summary>What the candidate is compared with; null before the first pair.</summary>
    public string? Baseline { get; init; }

    /// <summary>The version serves already, and its pairs are the watch over it.</summary>
    public required bool IsPromoted { get; init; }

    /// <summary>Mean score of the candidate less that of the baseline, in [-1,1].</summary>
    public required double Mean { get; init; }

    /// <summary>Always-valid lower bound of it.</summary>
    public required double Lower { get; init; }

    /// <summary>Always-valid upper bound of it.</summary>
    public required double Upper { get; init; }

    public required int Wins { get; init; }

    public required int Ties { get; init; }

    public required int Losses { get; init; }

    /// <summary>Always-valid bounds of the win rate among decisive pairs.</summary>
    public required double WinRateLower { get; init; }

    public required double WinRateUpper { get; init; }

    public required IReadOnlyList<GuardrailState> Guardrails { get; init; }

    /// <summary>ln of the e-value against the planned shares of the arms.</summary>
    public required double SampleRatioLogEvidence { get; init; }

    /// <summary>The shares are not those that were planned: no promotion until that is explained.</summary>
    public required bool SampleRatioAlarm { get; init; }

    public required CostState BaselineCosts { get; init; }

    public required CostState CandidateCosts { get; init; }

    public required GateDecision Decision { get; init; }

    /// <summary>The comparison is over: promoted, rolled back, or held for good since the most pairs have come.</summary>
    public required bool IsFinal { get; init; }

    /// <summary>What decided, or what is still missing, in sentences.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }
}
