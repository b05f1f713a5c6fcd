namespace Serving.Experiments;

/// <summary>
/// The sample-ratio check over times in which the plan changed: each stretch of one planned share has its own test, and the evidence of stretches adds up,
/// which keeps the whole a martingale. An alarm stays. Not thread-safe.
/// </summary>
internal sealed class PlannedShares
{
    private double _earlier;
    private double? _share;
    private SampleRatio? _test;

    /// <summary>ln of the e-value against the plan.</summary>
    public double LogEvidence => _earlier + (_test?.LogEvidence ?? 0);

    public bool HasAlarmed { get; private set; }

    public int Candidate { get; private set; }

    public int Baseline { get; private set; }

    public void Add(Pair pair)
    {
        if (pair is not { CandidateShare: { } share, CandidateWasSeen: { } candidate })
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
