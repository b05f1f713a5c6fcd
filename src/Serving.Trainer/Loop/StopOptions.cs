using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>Bounds on what evaluations may show; a run that breaks one ends there. Every bound can be turned off by itself.</summary>
public sealed class StopOptions
{
    /// <summary>
    /// Most KL(policy || start) in nats per answer; 0 = no bound. Null = 1.5 times the most that Best-of-n can have, log n - (n-1)/n for n = TargetCandidates, where
    /// the run learns from the start's own draws; no bound where it learns from another policy's, which lies as far from the start as it lies.
    /// </summary>
    [Range(0, 1e6)]
    public double? KlBudget { get; set; }

    /// <summary>How far the judge's mean probability may fall below that of the start; a fall within two standard errors does not count. 1 = no bound.</summary>
    [Range(0, 1.0)]
    public double JudgeMargin { get; set; } = 0.05;

    /// <summary>
    /// Evaluations over which the total rises and the judge falls, both by more than two standard errors, when the reward is being hacked; 0 = do not look.
    /// </summary>
    [Range(0, 1000)]
    public int DivergenceEvaluations { get; set; } = 3;

    /// <summary>Least mean length in words over that of the start; see <see cref="LongestAnswers"/>. 0 = no bound.</summary>
    [Range(0, 1.0)]
    public double ShortestAnswers { get; set; } = 0.8;

    /// <summary>
    /// Most mean length over that of the start. Where the run learns from another policy's draws, lengths between the start's and that policy's are no drift: the bounds are
    /// those below the shorter and above the longer.
    /// </summary>
    [Range(1.0, 1e6)]
    public double LongestAnswers { get; set; } = 1.25;

    /// <summary>How far repetition may rise above that of the start; 1 = no bound.</summary>
    [Range(0, 1.0)]
    public double Repetition { get; set; } = 0.1;

    /// <summary>Least share of different answers, over that of the start; 0 = no bound.</summary>
    [Range(0, 1.0)]
    public double Distinct { get; set; } = 0.5;

    /// <summary>Least entropy per token, over that of the start; 0 = no bound.</summary>
    [Range(0, 1.0)]
    public double Entropy { get; set; } = 0.2;
}
