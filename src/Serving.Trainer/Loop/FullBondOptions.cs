using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>The objective "full-bond" (arXiv:2407.14622 section 4): N answers of the anchor, k more for the quantile, one of the policy per prompt.</summary>
public sealed class FullBondOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>N of the Best-of-N of the anchor; iterated BOND takes 2 or 4.</summary>
    [Range(1, 1024)]
    public int Candidates { get; set; } = 4;

    /// <summary>k, the draws that a quantile is estimated from.</summary>
    [Range(1, 1024)]
    public int Draws { get; set; } = 16;

    /// <summary>Weight of the backward divergence in J_beta.</summary>
    [Range(0, 1.0)]
    public double Beta { get; set; } = 0.5;

    /// <summary>Bound on the advantage, in nats.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;

    /// <summary>Steps after which the policy replaces the anchor (iterated BOND; 1000 in the paper); 0 = the anchor stays where training began.</summary>
    [Range(0, 10_000_000)]
    public int AnchorEvery { get; set; }
}
