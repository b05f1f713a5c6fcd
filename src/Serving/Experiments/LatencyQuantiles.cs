namespace Serving.Experiments;

/// <summary>Quantiles of times in constant space: counts in buckets that grow by 1 %. Not thread-safe.</summary>
internal sealed class LatencyQuantiles
{
    private const double Smallest = 0.01;                              // milliseconds; shorter ones share the first bucket
    private const double Growth = 1.01;
    private const int Buckets = 2600;                                  // up to 1.7e9 ms

    private readonly int[] _counts = new int[Buckets];

    public int Count { get; private set; }

    /// <param name="milliseconds">0 or more.</param>
    public void Add(double milliseconds)
    {
        var bucket = milliseconds <= Smallest ? 0 : (int)Math.Ceiling(Math.Log(milliseconds / Smallest) / Math.Log(Growth));
        _counts[Math.Min(bucket, Buckets - 1)]++;
        Count++;
    }

    /// <summary>The time within which this share of answers came, to 1 % above.</summary>
    /// <param name="share">In (0,1].</param>
    public double At(double share)
    {
        var wanted = (long)Math.Ceiling(share * Count);
        var seen = 0L;
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= wanted && seen > 0)
            {
                return Smallest * Math.Pow(Growth, bucket);
            }
        }

        return 0;
    }
}
