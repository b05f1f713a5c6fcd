namespace Serving.Trainer.Objectives;

/// <summary>
/// How often a logged candidate would have been the answer had only n of the N candidates been drawn. Pure functions.
/// The weighted sum of any f(y) over a group is an unbiased estimate of its mean under Best-of-n with the least variance that
/// N exchangeable draws allow (a U-statistic); with n = N it is f of the best one.
/// </summary>
public static class BestOfNWeights
{
    /// <summary>C(N-1-m, n-1) / C(N, n): the chance that the candidate with m better ones is the best of a random n of the N.</summary>
    public static double Weight(int better, int candidates, int drawn)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(drawn, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(drawn, candidates);
        var worse = candidates - 1 - better;
        if (drawn - 1 > worse)
        {
            return 0;
        }

        // n/N * product over i = 0..n-2 of (worse - i) / (N - 1 - i)
        var weight = drawn / (double)candidates;
        for (var i = 0; i < drawn - 1; i++)
        {
            weight *= (worse - i) / (double)(candidates - 1 - i);
        }

        return weight;
    }
}
