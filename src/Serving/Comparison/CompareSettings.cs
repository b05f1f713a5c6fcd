namespace Serving.Comparison;

/// <summary>What "ab compare" was asked for. Immutable.</summary>
internal sealed record CompareSettings
{
    /// <summary>JSON Lines with "messages", "prompt" or "document".</summary>
    public required string Prompts { get; init; }

    /// <summary>The two arms: "best-of-n" (of the anchor), "best-of-n:NAME[@VERSION]", "distilled", NAME or NAME@VERSION.</summary>
    public required string A { get; init; }

    public required string B { get; init; }

    /// <summary>N of Best-of-N.</summary>
    public int Candidates { get; init; } = 16;

    /// <summary>Most prompts.</summary>
    public int Limit { get; init; } = int.MaxValue;

    public float Temperature { get; init; } = 0.7f;

    public float TopP { get; init; } = 0.95f;

    public int MaxTokens { get; init; } = 40;

    public long Seed { get; init; } = 1;

    /// <summary>NAME or NAME@VERSION of the held-out judge.</summary>
    public string Judge { get; init; } = "judge";

    /// <summary>File for the pairs; null = none.</summary>
    public string? Out { get; init; }
}
