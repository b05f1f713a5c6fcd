namespace Serving.Experiments;

/// <summary>
/// The sample-ratio check over times in which the plan changed: each stretch of one planned share has its own test, and the evidence of stretches adds up,
/// which keeps the whole a martingale. An alarm stays. Not thread-safe.
/// </summary>
internal sealed class PlannedShares
{
    private double _earlier;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private double? _share;
    private SampleRatio? _test;

    /// <summary>ln of the e-value against the plan.</summary>
    public double LogEvidence => _earlier + (_test?.LogEvidence ?? 0);

    public bool HasAlarmed { get; private set; }

    public int Candidate { get; private set; }

    public int Baseline { get; private set; }

    /// <summary>Takes one caller.</summary>
    /// <param name="share">Planned share of the candidate, in [0,1].</param>
    /// <param name="candidate">The caller got it.</param>
    /// <param name="key">What the assignment was drawn by; a key that has come before is the same draw, and not counted. Null = a draw of its own.</param>
    public void Add(double share, bool candidate, string? key = null)
    {
        if (key is not null && !_seen.Add(key))
        {
            return;
        }

        Candidate += candidate ? 1 : 0;
        Baseline += candidate ? 0 : 1;
        if (share is 0 or 1)
        {
            // Nothing is drawn: one caller on the wrong side is proof.
            HasAlarmed |= candidate != (share == 1);
            return;
        }

        if (share != _share)
        {
            _earlier += _test?.LogEvidence ?? 0;
            _share = share;
            _test = new SampleRatio(share, 1 - share);
        }

        _test!.Add(candidate ? 0 : 1);
        HasAlarmed |= LogEvidence >= -Math.Log(SampleRatio.FalseAlarms);
    }
}
