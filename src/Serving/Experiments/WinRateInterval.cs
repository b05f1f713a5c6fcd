namespace Serving.Experiments;

/// <summary>
/// Wins, ties and losses, with a confidence sequence for the win rate among the decisive ones: the mixture of likelihood ratios over a Beta(1/2, 1/2) prior.
/// It holds at all times at once. Ties are counted apart, never dropped silently. O(1) per value; the bounds are found by bisection when asked for.
/// Not thread-safe.
/// </summary>
/// <param name="alpha">Probability with which the rate may ever lie outside, in (0,1).</param>
public sealed class WinRateInterval(double alpha)
{
    private const double Prior = 0.5;
    private const double Even = 0.5;
    private const int Bisections = 60;                                 // 2^-60 of the unit interval

    private readonly double _threshold = -Math.Log(Bounded.Alpha(alpha));
    private double _largestEvidence;                                   // ln of the largest e-value against an even rate

    public int Wins { get; private set; }

    public int Ties { get; private set; }

    public int Losses { get; private set; }

    /// <summary>Wins among decisive results; 0.5 before the first.</summary>
    public double Rate => Wins + Losses == 0 ? Even : (double)Wins / (Wins + Losses);

    /// <summary>ln of the e-value against a rate of 1/2: from ln(1/alpha) on, an even rate is ruled out.</summary>
    public double LogEvidence => LogMixture(Even);

    /// <summary>Always-valid p-value of a rate of 1/2: it may be looked at any time, and never grows.</summary>
    public double PValue => Math.Exp(-_largestEvidence);

    /// <summary>Rates that are not ruled out, in [0,1].</summary>
    public Interval Value => Wins + Losses == 0 ? new Interval(0, 1) : new Interval(Bound(0), Bound(1));

    /// <summary>Takes one comparison: above 0 is a win of the candidate, below 0 a loss, 0 a tie.</summary>
    public void Add(double difference)
    {
        switch (difference)
        {
            case > 0:
                Wins++;
                break;
            case < 0:
                Losses++;
                break;
            case 0:
                Ties++;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(difference), difference, "The difference must be a number.");
        }

        _largestEvidence = Math.Max(_largestEvidence, LogEvidence);
    }

    /// <summary>ln of the mixture's likelihood over that of rate <paramref name="p"/>; terms of 0 results are 0 at any rate.</summary>
    private double LogMixture(double p) =>
        LogGamma.Beta(Prior + Wins, Prior + Losses) - LogGamma.Beta(Prior, Prior)
        - (Wins == 0 ? 0 : Wins * Math.Log(p)) - (Losses == 0 ? 0 : Losses * Math.Log(1 - p));

    // The evidence is lowest at the observed rate and grows to both sides of it.
    private double Bound(double end)
    {
        var (inside, outside) = (Rate, end);
        if (LogMixture(outside) < _threshold)
        {
            return outside;
        }

        for (var i = 0; i < Bisections; i++)
        {
            var middle = (inside + outside) / 2;
            (inside, outside) = LogMixture(middle) < _threshold ? (middle, outside) : (inside, middle);
        }

        return outside;
    }
}
