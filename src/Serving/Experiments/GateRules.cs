using System.Text.Json.Nodes;
using Serving.Models;

namespace Serving.Experiments;

/// <summary>All that a gate's verdict depends on beside the pairs; it is kept with each decision, so that the decision can be made again. Immutable.</summary>
public sealed record GateRules
{
    // ALGORITHMS 5.5: a policy may go this many times as far from its anchor as choosing the best of N does.
    private const double KlRoom = 1.5;

    /// <summary>How much lower than the baseline's mean score the candidate's may be, in [0,1].</summary>
    public required double Margin { get; init; }

    /// <summary>Error that may be made about this version, in (0,1); see <see cref="AlphaSpending"/>.</summary>
    public double Alpha { get; init; } = 0.05;

    /// <summary>Pairs that a promotion needs.</summary>
    public int MinPairs { get; init; } = 200;

    /// <summary>Pairs after which a candidate that is not promoted is given up.</summary>
    public int MaxPairs { get; init; } = int.MaxValue;

    /// <summary>What else must not get worse.</summary>
    public GuardrailMargins Guardrails { get; init; } = GuardrailMargins.None;

    /// <summary>How far the candidate is from the anchor, in nats per answer; null = not known, and then it does not count.</summary>
    public double? Kl { get; init; }

    /// <summary>How far it may be, in nats per answer; null = any way.</summary>
    public double? KlBudget { get; init; }

    /// <summary>A promotion needs a lower 95 % latency and lower costs than the baseline's.</summary>
    public bool MustBeCheaper { get; init; }

    /// <summary>The rules for one version.</summary>
    /// <param name="options">The section "Experiments".</param>
    /// <param name="comparison">The version is the how-manieth that is compared under this name, from 1: each next one gets a smaller part of the error.</param>
    /// <param name="candidates">N of the baseline's Best-of-N, for the KL budget; 1 = none.</param>
    /// <param name="kl">See <see cref="Kl"/>.</param>
    public static GateRules Of(ExperimentOptions options, int comparison, int candidates = 1, double? kl = null) => new()
    {
        Margin = options.Margin,
        Alpha = AlphaSpending.Of(options.Alpha, comparison),
        MinPairs = options.MinPairs,
        MaxPairs = options.MaxPairs,
        Guardrails = options.Guardrails,
        Kl = kl,
        KlBudget = options.KlBudget ?? (candidates > 1 ? KlRoom * BestOfNKl(candidates) : null),
        MustBeCheaper = options.MustBeCheaper,
    };

    /// <summary>The divergence of a version from its reference, in nats per answer, as the trainer has measured it; null when it has not.</summary>
    public static double? KlOf(ModelManifest manifest) =>
        manifest.Figures?["after"] is JsonObject after && after["kl"] is JsonValue value && value.TryGetValue<double>(out var kl) ? kl : null;

    /// <summary>Bound of the divergence of Best-of-N from the policy that is sampled, in nats.</summary>
    private static double BestOfNKl(int candidates) => Math.Log(candidates) - ((candidates - 1.0) / candidates);
}
