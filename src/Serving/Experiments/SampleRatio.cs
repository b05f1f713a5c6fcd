namespace Serving.Experiments;

/// <summary>
/// Do the arms get the shares that were planned? A Dirichlet mixture against the plan (Lindon and Malek, arXiv:2011.03567); it may be looked at after every
/// assignment. When it alarms, something is wrong with the assignment or with the log: decisions must wait until that is found. O(1) per assignment.
/// Not thread-safe.
/// </summary>
public sealed class SampleRatio
{
    /// <summary>Probability of a false alarm, ever.</summary>
    public const double FalseAlarms = 0.001;

    private const double Concentration = 100;

    private readonly double[] _planned;
    private readonly long[] _counts;

    /// <param name="planned">Planned share of each arm, each above 0, 1 together.</param>
    /// <exception cref="ArgumentException">The shares are no plan.</exception>
    public SampleRatio(params double[] planned)
    {
        if (planned.Length < 2 || planned.Any(share => !(share > 0)) || Math.Abs(planned.Sum() - 1) > 1e-9)
        {
            throw new ArgumentException("Planned shares are at least two, each above 0, and come to 1.", nameof(planned));
        }

        _planned = [.. planned];
        _counts = new long[planned.Length];
    }

    /// <summary>ln of the e-value against the plan; 0 before the first assignment.</summary>
    public double LogEvidence { get; private set; }

    /// <summary>The plan is ruled out now.</summary>
    public bool IsAlarmed => LogEvidence >= -Math.Log(FalseAlarms);

    /// <summary>Assignments to an arm.</summary>
    public long Count(int arm) => _counts[arm];

    /// <summary>Takes one assignment.</summary>
    /// <param name="arm">Index into the plan.</param>
    /// <param name="times">For figures that come as sums; 1 or more.</param>
    public void Add(int arm, long times = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(times);
        _counts[arm] += times;
        var total = _counts.Sum();
        var evidence = LogGamma.Of(Concentration) - LogGamma.Of(Concentration + total);
        for (var i = 0; i < _planned.Length; i++)
        {
            var prior = Concentration * _planned[i];
            evidence += LogGamma.Of(prior + _counts[i]) - LogGamma.Of(prior) - (_counts[i] * Math.Log(_planned[i]));
        }

        LogEvidence = evidence;
    }
}
