using System.ComponentModel.DataAnnotations;
using Serving.Trainer.Objectives;

namespace Serving.Trainer.Loop;

/// <summary>The objective "off-policy": policy gradient on logged answers.</summary>
public sealed class OffPolicyOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>What is done about answers of older policies: none, truncated or v-trace.</summary>
    [Required]
    [RegularExpression("none|truncated|v-trace", ErrorMessage = "Trainer:OffPolicy:Correction must be none, truncated or v-trace.")]
    public string Correction { get; set; } = "v-trace";

    /// <summary>Price of a nat between the policy and the one that the run began from, in units of the scorecard's total.</summary>
    [Range(0, 1e3)]
    public double KlWeight { get; set; } = 0.05;

    /// <summary>truncated: C, the largest weight of a token; and with <see cref="SequenceMask"/> answers whose whole ratio is outside [1/C, C] are left out.</summary>
    [Range(1, 1e6)]
    public double Cap { get; set; } = 2;

    /// <summary>truncated: leave answers out that are too far from the policy as a whole.</summary>
    public bool SequenceMask { get; set; } = true;

    /// <summary>truncated: bad answers that the policy has left behind by more nats per token than this are left out.</summary>
    [Range(0, 1e3)]
    public double MaxDrift { get; set; } = 0.5;

    /// <summary>v-trace: bound of the ratio that decides which policy's values are learnt.</summary>
    [Range(0, 1e6)]
    public double RhoBar { get; set; } = 1;

    /// <summary>v-trace: bound of the ratio that decides how far back a surprise travels; at most <see cref="RhoBar"/>.</summary>
    [Range(0, 1e6)]
    public double CBar { get; set; } = 1;

    /// <summary>v-trace: 1 = n-step returns, less = TD(lambda).</summary>
    [Range(0, 1.0)]
    public double Lambda { get; set; } = 1;

    /// <summary>v-trace: a head on the policy's hidden states learns what to add to the mean of the group's other answers; off = that mean stands for every value.</summary>
    public bool ValueHead { get; set; }

    /// <summary>Weight of the value head's loss.</summary>
    [Range(0, 1e6)]
    public double ValueWeight { get; set; } = 0.5;

    /// <summary>The value head learns on the scale sign(x) (sqrt(|x| + 1) - 1) + x / 1000: for scorecards with large totals.</summary>
    public bool RescaledValues { get; set; }

    /// <param name="eta">Of the priorities.</param>
    internal OffPolicySettings Settings(double eta) => new()
    {
        Correction = Correction switch { "none" => PolicyCorrection.None, "truncated" => PolicyCorrection.Truncated, _ => PolicyCorrection.VTrace },
        KlWeight = KlWeight,
        Cap = Cap,
        SequenceMask = SequenceMask,
        MaxDrift = MaxDrift,
        Clips = new VTraceClips(RhoBar, CBar, RhoBar, Lambda),
        ValueHead = ValueHead,
        ValueWeight = ValueWeight,
        RescaledValues = RescaledValues,
        PriorityShare = eta,
    };
}
