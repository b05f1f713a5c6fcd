namespace Serving.Experiments;

/// <summary>The bounds that every sequence here rests on: a value outside of them would make its interval wrong without a sign. Stateless.</summary>
internal static class Bounded
{
    public static double Share(double x) => x is >= 0 and <= 1
        ? x
        : throw new ArgumentOutOfRangeException(nameof(x), x, "The value must lie in [0, 1].");

    /// <summary>A difference of two shares, moved to the scale [0,1].</summary>
    public static double Difference(double d) => d is >= -1 and <= 1
        ? (d + 1) / 2
        : throw new ArgumentOutOfRangeException(nameof(d), d, "The difference must lie in [-1, 1].");

    /// <summary>An error probability.</summary>
    public static double Alpha(double alpha) => alpha is > 0 and < 1
        ? alpha
        : throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "The error probability must lie strictly between 0 and 1.");
}
