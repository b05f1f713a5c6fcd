namespace Serving.Trainer.Objectives;

/// <summary>
/// Importance weights of an answer's tokens, truncated, and the answers that are not used at all. The product over all tokens would be the unbiased weight and useless
/// for long answers; a token's own ratio, bounded above, trades a small bias for a bounded variance. Pure.
/// </summary>
public static class TruncatedWeights
{
    /// <summary>w_t = min(C, pi_t / mu_t).</summary>
    /// <param name="logRatios">log pi - log mu of every token.</param>
    /// <param name="cap">C.</param>
    public static double[] Of(IReadOnlyList<double> logRatios, double cap) => [.. logRatios.Select(ratio => Math.Min(cap, ImportanceRatio.Of(ratio)))];

    /// <summary>Whether the ratio of the whole answer lies in [1/C, C].</summary>
    public static bool Near(IReadOnlyList<double> logRatios, double bound) => Math.Abs(logRatios.Sum()) <= Math.Log(bound);

    /// <summary>
    /// A bad answer that the policy has already moved away from: pushing it down further teaches nothing and has no end.
    /// </summary>
    /// <param name="logRatios">log pi - log mu of every token.</param>
    /// <param name="advantage">Below 0 for a bad answer.</param>
    /// <param name="drift">Most that log mu - log pi may be on average, in nats per token.</param>
    public static bool LeftBehind(IReadOnlyList<double> logRatios, double advantage, double drift) => advantage < 0 && -logRatios.Average() > drift;
}
