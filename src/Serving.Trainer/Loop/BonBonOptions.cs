using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>The objective "bonbon" (arXiv:2406.00832), from logged groups.</summary>
public sealed class BonBonOptions
{
    /// <summary>Weight of the whole, whose larger part is per squared nat.</summary>
    [Range(0, 1e6)]
    public double Weight { get; set; } = 0.02;

    /// <summary>alpha: share of training on the best answer beside the regression of the margin.</summary>
    [Range(0, 1.0)]
    public double Alpha { get; set; } = 0.005;
}
