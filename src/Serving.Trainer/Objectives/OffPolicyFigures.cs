namespace Serving.Trainer.Objectives;

/// <summary>How far the policy is from the one that drew the answers (the figures that verl reports for rollout corrections). Pure.</summary>
/// <param name="EffectiveSamples">(sum w)^2 / (n sum w^2) with w the ratio of a whole answer: the share of the answers that still counts, from 1/n to 1.</param>
/// <param name="Divergence">KL(old || new) in nats per token, by the estimator ratio - 1 - log ratio, which is never negative.</param>
/// <param name="ChiSquare">mean w^2 - 1.</param>
/// <param name="Clipped">Share of the tokens whose ratio was truncated.</param>
public sealed record OffPolicyFigures(double EffectiveSamples, double Divergence, double ChiSquare, double Clipped)
{
    /// <param name="logRatios">log pi - log mu of the tokens of every answer; at least one answer.</param>
    /// <param name="cap">Where ratios are truncated.</param>
    public static OffPolicyFigures Of(IReadOnlyCollection<double[]> logRatios, double cap)
    {
        var whole = logRatios.Select(answer => ImportanceRatio.Of(answer.Sum())).ToArray();
        var tokens = logRatios.SelectMany(answer => answer).ToArray();
        var squares = whole.Sum(weight => weight * weight);
        return new OffPolicyFigures(
            Math.Pow(whole.Sum(), 2) / (whole.Length * squares),
            tokens.Average(ratio => ImportanceRatio.Of(ratio) - 1 - ratio),
            (squares / whole.Length) - 1,
            tokens.Count(ratio => ratio > Math.Log(cap)) / (double)tokens.Length);
    }
}
