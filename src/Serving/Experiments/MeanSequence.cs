namespace Serving.Experiments;

/// <summary>One always-valid mean of the gate: the tighter sequence while a version is compared, the one that bears drift once it serves. Not thread-safe.</summary>
internal sealed class MeanSequence(double alpha, bool mayDrift)
{
    private readonly PairedInterval? _constant = mayDrift ? null : new PairedInterval(alpha);
    private readonly StitchedInterval? _drifting = mayDrift ? new StitchedInterval(alpha) : null;

    public int Count => _constant?.Count ?? _drifting!.Count;

    /// <summary>In [0,1].</summary>
    public double Mean => _constant?.Mean ?? _drifting!.Mean;

    /// <summary>In [0,1].</summary>
    public Interval Value => _constant?.Value ?? _drifting!.Value;

    /// <summary>In [-1,1].</summary>
    public double MeanDifference => _constant?.MeanDifference ?? _drifting!.MeanDifference;

    /// <summary>In [-1,1].</summary>
    public Interval Difference => _constant?.Difference ?? _drifting!.Difference;

    public void Add(double x)
    {
        _constant?.Add(x);
        _drifting?.Add(x);
    }

    public void AddDifference(double d)
    {
        _constant?.AddDifference(d);
        _drifting?.AddDifference(d);
    }
}
