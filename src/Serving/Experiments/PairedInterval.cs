namespace Serving.Experiments;

/// <summary>
/// Confidence sequence for the mean of values in [0,1] that come one by one: the predictable plug-in empirical Bernstein sequence (Waudby-Smith and Ramdas,
/// arXiv:2010.09686, theorem 2). It holds at all times at once, so it may be looked at after every value. The values' conditional mean must be constant;
/// where it may drift use <see cref="StitchedInterval"/>. O(1) per value. Not thread-safe.
/// </summary>
/// <param name="alpha">Probability with which the mean may ever lie outside, in (0,1); half of it is for each side.</param>
public sealed class PairedInterval(double alpha)
{
    private const double LargestWeight = 0.5;

    private readonly double _logOneSided = Math.Log(2 / Bounded.Alpha(alpha));
    private double _sum;
    private double _squares = 0.25;                     // of deviations from the means so far; begins as if one value had come
    private double _weights;
    private double _weighted;
    private double _penaltyBelow;
    private double _penaltyAbove;

    /// <summary>Values so far.</summary>
    public int Count { get; private set; }

    /// <summary>Their plain mean, in [0,1]; 0 before the first.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Bounds of the mean, in [0,1]; all of it before the first value.</summary>
    public Interval Value { get; private set; } = new(0, 1);

    /// <summary>Mean of values that came through <see cref="AddDifference"/>, in [-1,1]; 0 before the first.</summary>
    public double MeanDifference => Count == 0 ? 0 : (2 * Mean) - 1;

    /// <summary>Bounds of that mean, in [-1,1].</summary>
    public Interval Difference => Value.OfDifference();

    /// <summary>Takes one value and gives the bounds after it.</summary>
    /// <param name="x">In [0,1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0,1], or not a number.</exception>
    public Interval Add(double x)
    {
        Bounded.Share(x);
        // Everything that weighs the new value was known before it: that is what makes the sequence a martingale. The upper side is the lower one of 1 - x;
        // both begin with a mean of 0.
        var (meanBelow, meanAbove) = Count == 0 ? (0, 0) : (Mean, 1 - Mean);
        var variance = _squares / (Count + 1);
        Count++;
        var weight = Math.Min(LargestWeight, Math.Sqrt(2 * _logOneSided / (variance * Count * Math.Log(1 + Count))));
        var price = -Math.Log(1 - weight) - weight;
        _weights += weight;
        _weighted += weight * x;
        _penaltyBelow += price * Square(x - meanBelow);
        _penaltyAbove += price * Square(1 - x - meanAbove);
        _sum += x;
        _squares += Square(x - ((0.5 + _sum) / (Count + 1)));

        Value = new Interval((_weighted - _logOneSided - _penaltyBelow) / _weights, (_weighted + _logOneSided + _penaltyAbove) / _weights).Within(0, 1);
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

    private static double Square(double x) => x * x;
}
