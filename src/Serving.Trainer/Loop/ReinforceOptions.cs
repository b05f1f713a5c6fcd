using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>The objective "reinforce": reward less a divergence from the anchor (arXiv:2407.14622 section 6).</summary>
public sealed class ReinforceOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>Weight of KL(policy || anchor), in units of reward per nat; the paper tries 0.001 to 1.</summary>
    [Range(0, 1e6)]
    public double Beta { get; set; } = 0.1;

    /// <summary>Answers of the policy per prompt; the others are the baseline.</summary>
    [Range(1, 64)]
    public int Answers { get; set; } = 2;

    /// <summary>Bound on the advantage, in units of reward.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;
}
