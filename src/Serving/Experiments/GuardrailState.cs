using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>Where a guardrail stands.</summary>
[JsonConverter(typeof(GuardrailStatusJson))]
public enum GuardrailStatus
{
    /// <summary>The evidence does not suffice yet.</summary>
    Open,

    /// <summary>Within what is allowed, for certain.</summary>
    Clear,

    /// <summary>Beyond what is allowed, for certain.</summary>
    Failed,
}

/// <summary>One guardrail after some pairs. Immutable.</summary>
public sealed record GuardrailState
{
    /// <summary>support, contradiction, repetition, empty or length.</summary>
    public required string Name { get; init; }

    /// <summary>What the figures are: a difference or a ratio.</summary>
    public required string Unit { get; init; }

    /// <summary>Pairs that told it.</summary>
    public required int Pairs { get; init; }

    /// <summary>Mean over pairs; of the length, the ratio that belongs to the mean share. Null before the first.</summary>
    public double? Mean { get; init; }

    /// <summary>Always-valid lower bound; null = none.</summary>
    public double? Lower { get; init; }

    /// <summary>Always-valid upper bound; null = none.</summary>
    public double? Upper { get; init; }

    /// <summary>Null = any.</summary>
    public double? LowestAllowed { get; init; }

    /// <summary>Null = any.</summary>
    public double? HighestAllowed { get; init; }

    public required GuardrailStatus Status { get; init; }
}

/// <summary>open, clear, failed.</summary>
internal sealed class GuardrailStatusJson() : JsonStringEnumConverter<GuardrailStatus>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false);
