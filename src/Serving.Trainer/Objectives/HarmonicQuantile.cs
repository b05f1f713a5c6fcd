namespace Serving.Trainer.Objectives;

/// <summary>
/// Estimates log P[r' &lt;= r(y)] from how many of K independent reference draws are strictly better than y. Pure functions.
/// Never minus infinity; its expectation is the series of log p cut after K terms, - sum over k = 1..K of (1-p)^k / k, exactly,
/// because C(m,k)/C(K,k) is the U-statistic of "k independent draws are all better".
/// </summary>
public static class HarmonicQuantile
{
    /// <summary>- (H_K - H_(K-m)) with H_j = 1 + 1/2 + ... + 1/j: from 0 (none better) to -H_K (all better).</summary>
    /// <param name="better">m, the reference draws strictly better than y.</param>
    /// <param name="others">K, the reference draws in all, y itself not among them.</param>
    public static double LogQuantile(int better, int others)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(better);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(better, others);
        var sum = 0.0;
        for (var j = others - better + 1; j <= others; j++)
        {
            sum += 1.0 / j;
        }

        return -sum;
    }

    /// <summary>
    /// tau = log N_t + (N_t - 1) log p_&lt;=: what log pi_BoN exceeds log mu by, for a target of Best-of-N_t
    /// (RegressionBond; BOND eq. 4 in the continuum, where the sum (B) is N).
    /// </summary>
    public static double Target(int better, int others, int targetCandidates) =>
        Math.Log(targetCandidates) + ((targetCandidates - 1) * LogQuantile(better, others));
}
