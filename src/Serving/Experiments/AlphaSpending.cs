namespace Serving.Experiments;

/// <summary>How one error budget serves for any number of versions: the k-th gets 6 alpha / (pi^2 k^2), and all of them together alpha. Pure.</summary>
public static class AlphaSpending
{
    /// <summary>The error that the k-th compared version may make.</summary>
    /// <param name="family">Error of all versions together, in (0,1).</param>
    /// <param name="k">From 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The error is not in (0,1), or k is below 1.</exception>
    public static double Of(double family, int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        return 6 * Bounded.Alpha(family) / (Math.PI * Math.PI * k * (double)k);
    }
}
