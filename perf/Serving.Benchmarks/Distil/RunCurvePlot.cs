using ScottPlot;

namespace Serving.Benchmarks.Distil;

/// <summary>Draws curves of one experiment as SVG: a colour for every run, a line for every seed.</summary>
internal static class RunCurvePlot
{
    private const int Width = 720;
    private const int Height = 440;

    public static void Save(ExperimentPlot plot, IReadOnlyList<RunCurve> curves, string folder)
    {
        using var drawing = new Plot();
        var palette = new ScottPlot.Palettes.Category10();
        var runs = curves.Select(curve => curve.Run).Distinct().Where(run => plot.Runs.Count == 0 || plot.Runs.Contains(run)).ToArray();
        for (var i = 0; i < runs.Length; i++)
        {
            var seen = false;
            foreach (var curve in curves.Where(curve => curve.Run == runs[i]))
            {
                var (x, y) = curve.Of(plot.X, plot.Y);
                if (x.Length == 0)
                {
                    continue;
                }

                var line = drawing.Add.Scatter(x, y, palette.GetColor(i));
                line.MarkerSize = 4;
                line.LegendText = seen ? "" : runs[i];
                seen = true;
            }
        }

        drawing.Title(plot.Title);
        drawing.XLabel(plot.XLabel ?? plot.X);
        drawing.YLabel(plot.YLabel ?? plot.Y);
        drawing.ShowLegend(Alignment.LowerRight);
        Directory.CreateDirectory(folder);
        drawing.SaveSvg(Path.Combine(folder, plot.File + ".svg"), Width, Height);
    }
}
