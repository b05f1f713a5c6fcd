namespace Serving.Inference;

/// <summary>How the next token is drawn. Immutable.</summary>
public sealed record SamplingParameters
{
    /// <summary>0 = greedy.</summary>
    public float Temperature { get; init; } = 1f;

    /// <summary>Keep the k most probable tokens; 0 = all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the smallest set of tokens with at least this probability; 1 = all.</summary>
    public float TopP { get; init; } = 1f;

    /// <summary>Longest answer in tokens.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Draws depend on (seed, candidate index, position) only.</summary>
    public ulong Seed { get; init; }

    /// <summary>Do not stop at an end-of-sequence token (it is then an ordinary token).</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Strings that end an answer; the answer is cut before them.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}
