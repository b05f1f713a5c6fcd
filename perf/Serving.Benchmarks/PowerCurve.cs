using ScottPlot;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>How often arms that are equal lead to a promotion, by the number of pairs: watched all the time, and by a test with one look at just that number. Immutable.</summary>
/// <param name="Shape">Of the differences.</param>
/// <param name="Deviation">Standard deviation of the differences.</param>
/// <param name="Gate">At index n: share of experiments that have been promoted by n pairs.</param>
/// <param name="OneLook">At index n: share whose lower bound, mean - 1.96 standard errors, clears the margin at n.</param>
internal sealed record PowerCurve(ScoreShape Shape, double Deviation, double[] Gate, double[] OneLook)
{
    private const int Width = 760;
    private const int Height = 460;
    private const int FewestPairs = 10;                                // below, a standard error means nothing

    public static PowerCurve Of(ScoreShape shape, int experiments, int steps, double alpha, double margin)
    {
        var (gate, look) = (new int[steps + 1], new int[steps + 1]);
        var (sum, squares) = (0.0, 0.0);
        for (var experiment = 0; experiment < experiments; experiment++)
        {
            var (random, sequence) = (new Random(experiment), new PairedInterval(alpha));
            var (isPromoted, total, total2) = (false, 0.0, 0.0);
            for (var n = 1; n <= steps; n++)
            {
                var d = shape.Draw(random, 0);
                total += d;
                total2 += d * d;
                isPromoted |= MarginRule.Decide(sequence.AddDifference(d), n, margin, minPairs: 1) is GateDecision.Promote;
                gate[n] += isPromoted ? 1 : 0;
                var error = Math.Sqrt(((total2 / n) - (total / n * (total / n))) / n);
                look[n] += n >= FewestPairs && (total / n) - (1.959964 * error) >= -margin ? 1 : 0;
            }

            sum += total;
            squares += total2;
        }

        var count = (double)experiments * steps;
        return new PowerCurve(
            shape, Math.Sqrt((squares / count) - (sum / count * (sum / count))), [.. gate.Select(g => g / (double)experiments)], [.. look.Select(l => l / (double)experiments)]);
    }

    /// <summary>Pairs at which a curve first has this share; null = never.</summary>
    public int? Reach(double[] curve, double share) => Array.FindIndex(curve, value => value >= share) is >= 0 and var n ? n : null;

    /// <summary>All curves as gate-power.svg: the gate with a whole line, one look with a broken one.</summary>
    public static void Save(IReadOnlyList<PowerCurve> curves, double margin, string folder)
    {
        using var plot = new Plot();
        var palette = new ScottPlot.Palettes.Category10();
        for (var i = 0; i < curves.Count; i++)
        {
            // As many points as a drawing can show, evenly on the logarithmic axis.
            var last = curves[i].Gate.Length - 1;
            var points = Enumerable.Range(0, 201).Select(k => (int)Math.Round(FewestPairs * Math.Pow(last / (double)FewestPairs, k / 200.0))).Distinct().ToArray();
            Add(plot, points, curves[i].Gate, palette.GetColor(i), LinePattern.Solid, $"{curves[i].Shape}: gate, watched at every pair");
            Add(plot, points, curves[i].OneLook, palette.GetColor(i), LinePattern.Dashed, $"{curves[i].Shape}: one look at n");
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. new[] { 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000 }.Where(n => n < curves[0].Gate.Length).Select(n => new Tick(Math.Log10(n), $"{n}"))]);
        plot.Title(FormattableString.Invariant($"Equal arms, margin {margin}: share of experiments that promote"));
        plot.XLabel("pairs");
        plot.YLabel("share promoted");
        plot.ShowLegend(Alignment.UpperLeft);
        Directory.CreateDirectory(folder);
        plot.SaveSvg(Path.Combine(folder, "gate-power.svg"), Width, Height);
    }

    private static void Add(Plot plot, int[] points, double[] curve, Color color, LinePattern pattern, string name)
    {
        var line = plot.Add.Scatter(points.Select(n => Math.Log10(n)).ToArray(), points.Select(n => curve[n]).ToArray());
        line.MarkerSize = 0;
        line.Color = color;
        line.LinePattern = pattern;
        line.LineWidth = 2;
        line.LegendText = name;
    }
}
