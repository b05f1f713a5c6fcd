namespace Serving.Experiments;

/// <summary>
/// Confidence sequence for the difference that an arm makes when every caller sees only one of two: the average treatment effect of Howard et al.
/// (arXiv:1810.08240, corollary 2), with each arm's running mean as prediction. Wider than a comparison in pairs: it is for what callers see, such as
/// latency. O(1) per value. Not thread-safe.
/// </summary>
public sealed class UnpairedDifference
{
    private readonly double _share;
    private readonly StitchedBoundary _boundary;
    private readonly double[] _sums = new double[2];
    private readonly int[] _counts = new int[2];
    private double _sum;
    private double _variance;

    /// <param name="alpha">Probability with which the difference may ever lie outside, in (0,1).</param>
    /// <param name="share">Probability with which a caller is given the candidate, in (0,1); it must not change.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter lies outside of its range.</exception>
    public UnpairedDifference(double alpha, double share)
    {
        _share = share is > 0 and < 1
            ? share
            : throw new ArgumentOutOfRangeException(nameof(share), share, "The share must lie strictly between 0 and 1.");
        _boundary = new StitchedBoundary(Bounded.Alpha(alpha) / 2, scale: 2 / Math.Min(share, 1 - share));
    }

    /// <summary>Values so far, of both arms.</summary>
    public int Count => _counts[0] + _counts[1];

    /// <summary>Estimate of the candidate's mean less that of the baseline, on the scale of the values; 0 before the first.</summary>
    public double Estimate => Count == 0 ? 0 : _sum / Count;

    /// <summary>Bounds of that difference, within [-1,1].</summary>
    public Interval Value { get; private set; } = new(-1, 1);

    /// <summary>Takes what one caller saw and gives the bounds after it.</summary>
    /// <param name="isCandidate">The caller was given the candidate.</param>
    /// <param name="y">What came of it, in [0,1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0,1], or not a number.</exception>
    public Interval Add(bool isCandidate, double y)
    {
        Bounded.Share(y);
        var arm = isCandidate ? 1 : 0;
        var predicted = Prediction(1) - Prediction(0);
        var correction = ((isCandidate ? 1 : 0) - _share) / (_share * (1 - _share)) * (y - Prediction(arm));
        _sum += predicted + correction;
        _variance += correction * correction;
        _sums[arm] += y;
        _counts[arm]++;
        var half = _boundary.At(_variance) / Count;
        Value = new Interval(Estimate - half, Estimate + half).Within(-1, 1);
        return Value;
    }

    private double Prediction(int arm) => _counts[arm] == 0 ? 0.5 : _sums[arm] / _counts[arm];
}
