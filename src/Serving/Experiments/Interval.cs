namespace Serving.Experiments;

/// <summary>Two bounds between which a quantity lies with the confidence that was asked for. Immutable.</summary>
/// <param name="Lower">Lowest value that is not ruled out.</param>
/// <param name="Upper">Highest value that is not ruled out.</param>
public readonly record struct Interval(double Lower, double Upper)
{
    /// <summary>The same interval, but not beyond these ends.</summary>
    public Interval Within(double lowest, double highest) => new(Math.Clamp(Lower, lowest, highest), Math.Clamp(Upper, lowest, highest));

    /// <summary>From the scale [0,1], on which sequences run, to differences in [-1,1].</summary>
    internal Interval OfDifference() => new((2 * Lower) - 1, (2 * Upper) - 1);

    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"[{Lower:F4}, {Upper:F4}]");
}
