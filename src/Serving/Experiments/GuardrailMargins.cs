using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>
/// How much worse than the baseline a candidate may be beside its quality. Each margin is a difference of means over prompts; null switches a guardrail off.
/// One that is on must be measured and clear before a candidate is promoted, and rolls it back when it fails for certain. In files null is written out: a guardrail that was off must not come back as its default.
/// </summary>
public sealed record GuardrailMargins
{
    /// <summary>No guardrail at all.</summary>
    public static GuardrailMargins None { get; } = new() { Support = null, Contradiction = null, Repetition = null, Empty = null, ShortestLength = null, LongestLength = null };

    /// <summary>Support by the source may be lower by this.</summary>
    [Range(0.0, 1.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? Support { get; init; } = 0.05;

    /// <summary>Contradiction of the source may be higher by this.</summary>
    [Range(0.0, 1.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? Contradiction { get; init; } = 0.05;

    /// <summary>Repetition may be higher by this.</summary>
    [Range(0.0, 1.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? Repetition { get; init; } = 0.05;

    /// <summary>The share of empty and failed answers may be higher by this.</summary>
    [Range(0.0, 1.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? Empty { get; init; } = 0.05;

    /// <summary>Answers may be shorter down to this many times the baseline's length.</summary>
    [Range(0.0, 1.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? ShortestLength { get; init; } = 0.8;

    /// <summary>Answers may be longer up to this many times the baseline's length.</summary>
    [Range(1.0, 1000.0), JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? LongestLength { get; init; } = 1.25;
}

