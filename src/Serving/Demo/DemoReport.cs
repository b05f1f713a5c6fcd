using Serving.Experiments;

namespace Serving.Demo;

/// <summary>What one demo run measured. Immutable; also written to report.json.</summary>
internal sealed record DemoReport
{
    public required string Origin { get; init; }

    public required int Logged { get; init; }

    public required int Measured { get; init; }

    public required string PolicyBefore { get; init; }

    public required string PolicyAfter { get; init; }

    /// <summary>Mean scorecard total of single samples of the distilled policy before training.</summary>
    public required BootstrapInterval Before { get; init; }

    public required BootstrapInterval After { get; init; }

    /// <summary>Mean scorecard total of the chosen of N on the anchor.</summary>
    public required BootstrapInterval BestOfN { get; init; }

    /// <summary>After minus before, paired by prompt and seed.</summary>
    public required BootstrapInterval Gain { get; init; }

    public required double TokensPerAnswer { get; init; }

    public required double TokensPerBestOfN { get; init; }

    /// <summary>Prompts that both arms answered.</summary>
    public required int Compared { get; init; }

    /// <summary>Promote, Hold, RollBack or "none".</summary>
    public required string Decision { get; init; }

    /// <summary>The gate's, in words.</summary>
    public required string Reason { get; init; }

    /// <summary>Answers of "auto" that the new version gave, of <see cref="AutoAnswers"/>; the others are the control group's.</summary>
    public required int AutoByCandidate { get; init; }

    public required int AutoAnswers { get; init; }

    /// <summary>Null when it was not promoted.</summary>
    public required double? SecondsFromDecisionToFirstAnswer { get; init; }

    public required IReadOnlyList<DemoExample> Examples { get; init; }
}

/// <summary>One prompt with its answers.</summary>
internal sealed record DemoExample(string Description, string Before, string After, string BestOfN);

/// <summary>The demo cannot go on; the message says which part and where its log lies.</summary>
internal sealed class DemoException(string message) : Exception(message);
