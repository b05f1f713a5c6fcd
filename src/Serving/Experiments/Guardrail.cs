namespace Serving.Experiments;

/// <summary>The evidence on one guardrail so far. Not thread-safe.</summary>
internal sealed class Guardrail(GuardrailKind kind, double alpha, bool mayDrift)
{
    private readonly MeanSequence _sequence = new(alpha, mayDrift);

    private Interval Bounds => new(kind.Shown(_sequence.Value.Lower), kind.Shown(_sequence.Value.Upper));

    /// <summary>All means that are not ruled out are allowed.</summary>
    public bool IsClear => Bounds.Lower >= kind.Allowed.Lower && Bounds.Upper <= kind.Allowed.Upper;

    /// <summary>No allowed mean is left.</summary>
    public bool HasFailed => Bounds.Upper < kind.Allowed.Lower || Bounds.Lower > kind.Allowed.Upper;

    public void Add(Pair pair)
    {
        if (kind.Measure(pair) is { } value)
        {
            _sequence.Add(value);
        }
    }

    public GuardrailState State() => new()
    {
        Name = kind.Name,
        Unit = kind.Unit,
        Pairs = _sequence.Count,
        Mean = _sequence.Count == 0 ? null : kind.Shown(_sequence.Mean),
        Lower = Finite(Bounds.Lower),
        Upper = Finite(Bounds.Upper),
        LowestAllowed = Finite(kind.Allowed.Lower),
        HighestAllowed = Finite(kind.Allowed.Upper),
        Status = HasFailed ? GuardrailStatus.Failed : IsClear ? GuardrailStatus.Clear : GuardrailStatus.Open,
    };

    private static double? Finite(double bound) => double.IsFinite(bound) ? bound : null;
}
