using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>The objective "entailment" (arXiv:2306.00186): the log-probability of entailment at the end of an answer, a divergence from the anchor at every token.</summary>
public sealed class EntailmentOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>alpha: weight of the divergence; low = more consistent, high = nearer to where training began.</summary>
    [Range(0, 1e6)]
    public double Alpha { get; set; } = 0.1;

    /// <summary>Answers of the policy per prompt; the others are the baseline.</summary>
    [Range(1, 64)]
    public int Answers { get; set; } = 2;

    /// <summary>Bound on a token's advantage, in nats.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;
}
