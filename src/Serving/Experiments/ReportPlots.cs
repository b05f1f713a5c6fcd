using System.Globalization;

namespace Serving.Experiments;

/// <summary>The drawings of a report, as SVG markup. Pure.</summary>
internal static class ReportPlots
{
    private static readonly int[] _counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

    /// <summary>The interval of candidate less baseline by the number of pairs, with the margin and the decisions that fell in it.</summary>
    public static string Course(StretchReport stretch, double margin, IEnumerable<DecisionReport> decisions)
    {
        // The first pairs rule out nothing: the drawing begins where the interval is no wider than half of all there is.
        var course = stretch.Course.SkipWhile(point => point.Upper - point.Lower > 1).ToArray();
        if (course.Length < 2)
        {
            course = [.. stretch.Course];
        }

        var ends = new Interval(Math.Min(-2 * margin, course.Min(point => point.Lower)), Math.Max(2 * margin, course.Max(point => point.Upper)));
        var plot = new SvgPlot("Mean difference with its interval, by pairs", new Interval(Math.Log10(course[0].N), Math.Log10(course[^1].N)), ends);
        plot.VerticalAxis(Ticks(ends))
            .Band([.. course.Select(point => (Math.Log10(point.N), point.Lower, point.Upper))], "band")
            .Line(course.Select(point => (Math.Log10(point.N), point.Mean)), "mean")
            .Line([(0, 0), (9, 0)], "zero")
            .Line([(0, -margin), (9, -margin)], "margin");
        foreach (var decision in decisions.Where(decision => decision.Pairs >= course[0].N && decision.Pairs <= course[^1].N))
        {
            var at = Math.Log10(decision.Pairs!.Value);
            plot.Line([(at, ends.Lower), (at, ends.Upper)], "decision").Label(at, ends.Upper - ((ends.Upper - ends.Lower) * 0.04), $" {decision.Kind}", "end");
        }

        return plot.HorizontalAxis(_counts.Select(n => (Math.Log10(n), n.ToString(CultureInfo.InvariantCulture))), "pairs").Markup();
    }

    /// <summary>Win, tie and loss as parts of one bar.</summary>
    public static string WinTieLoss(GateState state)
    {
        var all = Math.Max(1.0, state.Wins + state.Ties + state.Losses);
        var (wins, ties) = (state.Wins / all, (state.Wins + state.Ties) / all);
        return new SvgPlot("Wins, ties and losses of the candidate", new Interval(0, 1), new Interval(0, 1), height: 90)
            .Box(0, 0.15, wins, 0.85, "win").Box(wins, 0.15, ties, 0.85, "tie").Box(ties, 0.15, 1, 0.85, "loss")
            .Label(0.01, 0.5, $"{state.Wins} wins").Label(wins + 0.01, 0.5, state.Ties == 0 ? "" : $"{state.Ties} ties").Label(0.99, 0.5, $"{state.Losses} losses", "end")
            .HorizontalAxis([(0, "0 %"), (0.5, "50 %"), (1, "100 %")], "").Markup();
    }

    /// <summary>One figure of both arms, as bars from 0.</summary>
    public static string Bars(string unit, double baseline, double candidate)
    {
        var most = Math.Max(Math.Max(baseline, candidate), 1e-9) * 1.25;
        return new SvgPlot($"{unit} of both arms", new Interval(0, most), new Interval(0, 2), height: 110)
            .VerticalAxis([(1.5, "baseline"), (0.5, "candidate")])
            .Box(0, 1.15, baseline, 1.85, "baseline").Label(baseline, 1.5, " " + Number(baseline))
            .Box(0, 0.15, candidate, 0.85, "candidate").Label(candidate, 0.5, " " + Number(candidate))
            .HorizontalAxis([], unit).Markup();
    }

    /// <summary>A guardrail's interval over what is allowed.</summary>
    public static string Guardrail(GuardrailState guardrail)
    {
        var isRatio = guardrail.Name == "length";
        var (low, high) = isRatio ? (0.0, 2.5) : (-1.0, 1.0);
        var (lower, upper) = (guardrail.Lower ?? low, guardrail.Upper ?? high);
        var bounds = new[] { lower, upper, guardrail.LowestAllowed ?? lower, guardrail.HighestAllowed ?? upper }.Select(bound => Math.Clamp(bound, low, high)).ToArray();
        var room = Math.Max(0.02, (bounds.Max() - bounds.Min()) * 0.15);
        var ends = new Interval(bounds.Min() - room, bounds.Max() + room);
        var plot = new SvgPlot($"Guardrail {guardrail.Name}", ends, new Interval(0, 1), height: 80)
            .Box(guardrail.LowestAllowed ?? ends.Lower, 0.1, guardrail.HighestAllowed ?? ends.Upper, 0.9, "allowed")
            .Line([(lower, 0.5), (upper, 0.5)], "whisker");
        if (guardrail.Mean is { } mean)
        {
            plot.Line([(mean, 0.25), (mean, 0.75)], "whisker");
        }

        return plot.HorizontalAxis(Ticks(ends), guardrail.Unit).Markup();
    }

    /// <summary>Round numbers between two ends, about five of them.</summary>
    internal static IEnumerable<(double At, string Text)> Ticks(Interval ends)
    {
        var rough = (ends.Upper - ends.Lower) / 5;
        var size = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = size * (rough / size is < 1.5 ? 1 : rough / size < 3.5 ? 2 : rough / size < 7.5 ? 5 : 10);
        var digits = Math.Max(0, (int)Math.Ceiling(-Math.Log10(step)));
        for (var i = (long)Math.Ceiling(ends.Lower / step); i * step <= ends.Upper; i++)
        {
            yield return (i * step, (i * step).ToString("F" + digits, CultureInfo.InvariantCulture));
        }
    }

    internal static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
