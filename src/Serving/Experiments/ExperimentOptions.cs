using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Experiments;

/// <summary>Bound from the section "Experiments" and checked once, at start-up.</summary>
public sealed class ExperimentOptions : IValidatableObject
{
    public const string Section = "Experiments";

    /// <summary>Folder of the pair logs, relative to the current directory.</summary>
    [Required]
    public string Root { get; set; } = "data/experiments";

    /// <summary>Who acts on the evidence.</summary>
    [EnumDataType(typeof(GateMode))]
    public GateMode Gate { get; set; } = GateMode.Off;

    /// <summary>How much lower than the baseline's the judge's mean score of the distilled policy may be, on the scale [0,1]; 0 = it must be shown to be no worse at all.</summary>
    [Range(0.0, 1.0)]
    public double Margin { get; set; } = 0.05;

    /// <summary>Share of requests whose prompt the other arm answers too, in the background; in [0,1].</summary>
    [Range(0.0, 1.0)]
    public double ShadowShare { get; set; } = 0.2;

    /// <summary>Share of requests to "auto" that a candidate answers before it is promoted; in [0,1].</summary>
    [Range(0.0, 1.0)]
    public double CandidateShare { get; set; }

    /// <summary>Share of requests to "auto" that Best-of-N keeps after a promotion, as a control; in [0,1].</summary>
    [Range(0.0, 1.0)]
    public double ControlShare { get; set; } = 0.05;

    /// <summary>Error probability of all versions together: a worse one promoted, or a good one rolled back. In (0,1).</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double Alpha { get; set; } = 0.05;

    /// <summary>Pairs that a promotion needs, however clear the evidence; a roll-back waits for none.</summary>
    [Range(1, int.MaxValue)]
    public int MinPairs { get; set; } = 200;

    /// <summary>Pairs after which a candidate that is not promoted is given up.</summary>
    [Range(1, int.MaxValue)]
    public int MaxPairs { get; set; } = 20_000;

    /// <summary>Scorer that judges both arms; it must be one that no policy is trained on or chosen by.</summary>
    [Required]
    public string Judge { get; set; } = "judge";

    /// <summary>How far from the anchor a promoted policy may be, in nats per answer; null = 1.5 times the divergence of Best-of-N.</summary>
    [Range(0.0, double.MaxValue)]
    public double? KlBudget { get; set; }

    /// <summary>A promotion needs a lower 95 % latency and lower costs than the baseline's.</summary>
    public bool MustBeCheaper { get; set; } = true;

    /// <summary>What else must not get worse.</summary>
    [ValidateObjectMembers]
    public GuardrailMargins Guardrails { get; set; } = new();

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MinPairs > MaxPairs)
        {
            yield return new ValidationResult($"{Section}:{nameof(MinPairs)} must not be above {nameof(MaxPairs)}: no candidate could be promoted.", [nameof(MinPairs)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class ExperimentOptionsValidator : IValidateOptions<ExperimentOptions>;
