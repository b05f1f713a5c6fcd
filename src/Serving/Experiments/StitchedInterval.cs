namespace Serving.Experiments;

/// <summary>
/// Confidence sequence for the running average of the conditional means of values in [0,1]: Howard et al.'s empirical Bernstein sequence with polynomial
/// stitching (arXiv:1810.08240, theorems 1 and 4). It holds at all times at once and while the means drift, at the price of being wider than
/// <see cref="PairedInterval"/>. O(1) per value. Not thread-safe.
/// </summary>
/// <param name="alpha">Probability with which the average may ever lie outside, in (0,1); half of it is for each side.</param>
public sealed class StitchedInterval(double alpha)
{
    private readonly StitchedBoundary _boundary = new(Bounded.Alpha(alpha) / 2);
    private double _sum;
    private double _variance;

    /// <summary>Values so far.</summary>
    public int Count { get; private set; }

    /// <summary>Their plain mean, in [0,1]; 0 before the first.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Bounds of the average, in [0,1]; all of it before the first value.</summary>
    public Interval Value { get; private set; } = new(0, 1);

    /// <summary>Mean of values that came through <see cref="AddDifference"/>, in [-1,1]; 0 before the first.</summary>
    public double MeanDifference => Count == 0 ? 0 : (2 * Mean) - 1;

    /// <summary>Bounds of that average, in [-1,1].</summary>
    public Interval Difference => Value.OfDifference();

    /// <summary>Takes one value and gives the bounds after it.</summary>
    /// <param name="x">In [0,1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0,1], or not a number.</exception>
    public Interval Add(double x)
    {
        var deviation = Bounded.Share(x) - (Count == 0 ? 0.5 : Mean);
        _variance += deviation * deviation;
        _sum += x;
        Count++;
        var half = _boundary.At(_variance) / Count;
        Value = new Interval(Mean - half, Mean + half).Within(0, 1);
        return Value;
    }

    /// <summary>Takes one difference of two values in [0,1] and gives the bounds after it.</summary>
    /// <param name="d">In [-1,1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The difference is not in [-1,1], or not a number.</exception>
    public Interval AddDifference(double d)
    {
        Add(Bounded.Difference(d));
        return Difference;
    }
}
