namespace Serving.Trainer.Objectives;

/// <summary>V-trace (IMPALA, arXiv:1802.01561 sections 4.1 and 4.2) over one trajectory of T steps. Pure.</summary>
public static class VTrace
{
    /// <summary>
    /// v_s = V_s + delta_s + gamma_s c_s (v_(s+1) - V_(s+1)) with delta_s = rho_s (r_s + gamma_s V_(s+1) - V_s), and the advantages
    /// min(clip, ratio_s) (r_s + gamma_s v_(s+1) - V_s) that the gradient of log pi(a_s) is multiplied by: q_s = r_s + gamma v_(s+1), not v_s.
    /// </summary>
    /// <param name="logRatios">log pi(a_s) - log mu(a_s), [T].</param>
    /// <param name="rewards">r_s, [T].</param>
    /// <param name="discounts">gamma_s, 0 where the episode ends, [T].</param>
    /// <param name="values">V(x_s), [T].</param>
    /// <param name="bootstrap">V(x_T), the value behind the last step.</param>
    /// <param name="clips">Where ratios are truncated.</param>
    /// <returns>v_s and the advantages, [T] each.</returns>
    public static (double[] Targets, double[] Advantages) Of(
        IReadOnlyList<double> logRatios,
        IReadOnlyList<double> rewards,
        IReadOnlyList<double> discounts,
        IReadOnlyList<double> values,
        double bootstrap,
        VTraceClips clips)
    {
        var steps = logRatios.Count;
        var (targets, advantages) = (new double[steps], new double[steps]);
        var (nextTarget, nextValue) = (bootstrap, bootstrap);
        for (var s = steps - 1; s >= 0; s--)
        {
            var ratio = ImportanceRatio.Of(logRatios[s]);
            var delta = Math.Min(clips.Rho, ratio) * (rewards[s] + (discounts[s] * nextValue) - values[s]);
            targets[s] = values[s] + delta + (discounts[s] * clips.Lambda * Math.Min(clips.C, ratio) * (nextTarget - nextValue));
            advantages[s] = Math.Min(clips.Gradient, ratio) * (rewards[s] + (discounts[s] * nextTarget) - values[s]);
            (nextTarget, nextValue) = (targets[s], values[s]);
        }

        return (targets, advantages);
    }
}
