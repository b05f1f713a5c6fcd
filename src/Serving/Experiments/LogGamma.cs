namespace Serving.Experiments;

/// <summary>Logarithms of the gamma and beta functions, which .NET lacks. Pure.</summary>
internal static class LogGamma
{
    private const double Asymptotic = 12;                              // from here on the series below is exact to double precision

    /// <summary>ln Gamma(x) for x above 0: Stirling's series, after the recurrence has brought x where it converges.</summary>
    public static double Of(double x)
    {
        var shift = 0.0;
        for (; x < Asymptotic; x++)
        {
            shift += Math.Log(x);
        }

        var square = 1 / (x * x);
        var series = ((((((((((-691.0 / 360360) * square) + (1.0 / 1188)) * square) - (1.0 / 1680)) * square) + (1.0 / 1260)) * square) - (1.0 / 360)) * square) + (1.0 / 12);
        return ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI)) + (series / x) - shift;
    }

    /// <summary>ln B(a, b).</summary>
    public static double Beta(double a, double b) => Of(a) + Of(b) - Of(a + b);
}
