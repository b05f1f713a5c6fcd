namespace Serving.Experiments;

/// <summary>One of the two answers to a compared prompt, with what was measured on it. Immutable.</summary>
public sealed record ComparedAnswer
{
    /// <summary>Who answered: "student@7" for one sample, "best-of-16:anchor@1" or the like for a group. Pairs with another baseline are another comparison.</summary>
    public required string Arm { get; init; }

    /// <summary>The held-out judge's score, in [0,1]; 0 where there is no answer.</summary>
    public required double Score { get; init; }

    /// <summary>How well the source supports the answer, in [0,1]; null = not measured.</summary>
    public double? Support { get; init; }

    /// <summary>How much of the answer the source contradicts, in [0,1]; null = not measured.</summary>
    public double? Contradiction { get; init; }

    /// <summary>How much of the answer repeats itself, in [0,1]; null = not measured.</summary>
    public double? Repetition { get; init; }

    /// <summary>Length of the answer in tokens; null = not measured.</summary>
    public int? Tokens { get; init; }

    /// <summary>The answer is empty, or there is none because the arm failed.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>From request to answer in milliseconds; null = not measured.</summary>
    public double? LatencyMilliseconds { get; init; }

    /// <summary>Tokens that were generated for it, those of losing candidates included; null = not measured.</summary>
    public int? TokensSpent { get; init; }

    /// <summary>Processor seconds that it took, engine and scorers together; null = not measured.</summary>
    public double? ProcessorSeconds { get; init; }

    /// <summary>What is wrong with it, or null.</summary>
    internal string? Fault() =>
        Arm.Length == 0 ? "\"arm\" must name who answered"
        : Score is not (>= 0 and <= 1) ? "\"score\" must lie in [0, 1]"
        : Support is not (null or (>= 0 and <= 1)) ? "\"support\" must lie in [0, 1]"
        : Contradiction is not (null or (>= 0 and <= 1)) ? "\"contradiction\" must lie in [0, 1]"
        : Repetition is not (null or (>= 0 and <= 1)) ? "\"repetition\" must lie in [0, 1]"
        : Tokens < 0 ? "\"tokens\" must be 0 or more"
        : LatencyMilliseconds is not (null or (>= 0 and < double.PositiveInfinity)) ? "\"latency_milliseconds\" must be 0 or more"
        : TokensSpent < 0 ? "\"tokens_spent\" must be 0 or more"
        : ProcessorSeconds is not (null or (>= 0 and < double.PositiveInfinity)) ? "\"processor_seconds\" must be 0 or more"
        : null;
}
