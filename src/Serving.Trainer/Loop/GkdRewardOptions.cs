using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>
/// The objective "gkd-reward" (arXiv:2306.13649 eq. 5): (1-alpha) times the reward of the policy's answers less alpha times their divergence from the teacher, token by
/// token. The divergence and its temperature are those of "gkd"; the paper advises the reverse KL or JSD(0.9) here.
/// </summary>
public sealed class GkdRewardOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>alpha: 1 = distillation alone, 0 = reward alone.</summary>
    [Range(0, 1.0)]
    public double Alpha { get; set; } = 0.5;

    /// <summary>Answers of the policy per prompt; the others are the baseline.</summary>
    [Range(1, 64)]
    public int Answers { get; set; } = 2;

    /// <summary>Bound on the advantage, in units of reward.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;
}
