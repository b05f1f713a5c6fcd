namespace Serving.Experiments;

/// <summary>
/// How far a sum of deviations may stray from 0 at any time: the polynomial stitched boundary of Howard et al. (arXiv:1810.08240, theorem 1) as a function
/// of the variance that has gathered. Immutable.
/// </summary>
/// <param name="alpha">Probability of ever crossing it, one-sided, in (0,1).</param>
/// <param name="scale">c: the most that one deviation can add, 1 for values in [0,1]; negative for sub-gamma tails that are lighter on this side.</param>
/// <param name="tightest">m: the gathered variance from which on the boundary is at its tightest.</param>
internal sealed class StitchedBoundary(double alpha, double scale = 1, double tightest = 1)
{
    // s, eta and zeta(s) of the paper: how the error is spread over epochs of growing length.
    private const double Power = 1.4;
    private const double Growth = 2;
    private const double Zeta = 3.105547278;

    private static readonly double _first = (Math.Pow(Growth, 0.25) + Math.Pow(Growth, -0.25)) / Math.Sqrt(2);
    private static readonly double _second = (Math.Sqrt(Growth) + 1) / 2;

    private readonly double _constant = Math.Log(Zeta / Math.Pow(Math.Log(Growth), Power)) + Math.Log(1 / Bounded.Alpha(alpha));

    /// <summary>u(v): the sum of deviations is at most this.</summary>
    /// <param name="variance">The variance that has gathered, at least 0.</param>
    public double At(double variance)
    {
        var v = Math.Max(variance, tightest);
        var l = (Power * Math.Log(Math.Log(Growth * v / tightest))) + _constant;
        var linear = _second * scale * l;
        return Math.Sqrt((_first * _first * v * l) + (linear * linear)) + linear;
    }
}
