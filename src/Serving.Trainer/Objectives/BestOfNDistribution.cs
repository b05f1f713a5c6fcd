namespace Serving.Trainer.Objectives;

/// <summary>
/// The Best-of-N distribution over answers that can be listed: exact, in double precision (BOND section 3.1, theorem 1, arXiv:2407.14622).
/// Pure functions; the reference that sampled estimates are tested against.
/// </summary>
public static class BestOfNDistribution
{
    /// <summary>
    /// log S_N(a, b) with a = P[r' &lt; r], b = P[r' &lt;= r] and S_N = sum over i = 0..N-1 of b^(N-1-i) a^i, so that
    /// pi_BoN(y) = pi_ref(y) S_N (BOND eq. 4). Lies between (N-1) log b and (N-1) log b + log N.
    /// </summary>
    public static double LogWeight(double below, double upTo, int candidates)
    {
        // b^(N-1) times the geometric sum of a/b, term by term: the quotient (b^N - a^N)/(b - a) loses its digits for small atoms.
        var ratio = below / upTo;
        var sum = 0.0;
        for (var i = 0; i < candidates; i++)
        {
            sum = 1 + (ratio * sum);
        }

        return ((candidates - 1) * Math.Log(upTo)) + Math.Log(sum);
    }

    /// <summary>
    /// (P[r' &lt; r(y)], P[r' &lt;= r(y)]) of every answer y under the reference. Equal rewards form one level set, which is right for
    /// ties broken at random among the tied draws.
    /// </summary>
    public static (double[] Below, double[] UpTo) Quantiles(IReadOnlyList<double> reference, IReadOnlyList<double> rewards)
    {
        var below = new double[reference.Count];
        var upTo = new double[reference.Count];
        var order = Enumerable.Range(0, reference.Count).OrderBy(i => rewards[i]).ToArray();
        var mass = 0.0;
        for (var i = 0; i < order.Length;)
        {
            var end = i;
            var level = 0.0;
            while (end < order.Length && rewards[order[end]] == rewards[order[i]])
            {
                level += reference[order[end++]];
            }

            for (; i < end; i++)
            {
                below[order[i]] = mass;
                upTo[order[i]] = mass + level;
            }

            mass += level;
        }

        return (below, upTo);
    }

    /// <summary>pi_BoN(y) for every answer y.</summary>
    public static double[] Probabilities(IReadOnlyList<double> reference, IReadOnlyList<double> rewards, int candidates)
    {
        var (below, upTo) = Quantiles(reference, rewards);
        return [.. reference.Select((p, i) => p == 0 ? 0 : p * Math.Exp(LogWeight(below[i], upTo[i], candidates)))];
    }

    /// <summary>log pi_BoN(y) for every answer y, of a reference with no zeros: finite where the probability itself is too small for a double.</summary>
    public static double[] LogProbabilities(IReadOnlyList<double> reference, IReadOnlyList<double> rewards, int candidates)
    {
        var (below, upTo) = Quantiles(reference, rewards);
        return [.. reference.Select((p, i) => Math.Log(p) + LogWeight(below[i], upTo[i], candidates))];
    }

    /// <summary>KL(BoN || reference) = log N - (N-1)/N when no two draws can coincide; an upper bound otherwise.</summary>
    public static double LargestDivergence(int candidates) => Math.Log(candidates) - ((candidates - 1.0) / candidates);
}
