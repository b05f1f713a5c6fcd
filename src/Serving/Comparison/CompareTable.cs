using System.Globalization;
using Serving.Experiments;
using Spectre.Console;

namespace Serving.Comparison;

/// <summary>What "ab compare" shows at its end.</summary>
internal static class CompareTable
{
    private const double Alpha = 0.05;
    private const double Tie = 1e-9;

    public static void Show(IAnsiConsole console, string a, string b, IReadOnlyList<Pair> pairs)
    {
        var table = new Table().AddColumns("", Markup.Escape(a), Markup.Escape(b));
        Row("judge, mean", 3, answer => answer.Score);
        Row("support by the source", 3, answer => answer.Support);
        Row("repetition", 3, answer => answer.Repetition);
        Row("tokens of the answer", 1, answer => answer.Tokens);
        Row("tokens sampled for it", 1, answer => answer.TokensSpent);
        Row("latency, ms", 1, answer => answer.LatencyMilliseconds);
        Row("processor time, ms", 1, answer => 1000 * answer.ProcessorSeconds);
        console.Write(table);

        var interval = new PairedInterval(Alpha);
        foreach (var pair in pairs)
        {
            interval.AddDifference(pair.Candidate.Score - pair.Baseline.Score);
        }

        var (wins, ties) = (pairs.Count(pair => Lead(pair) > Tie), pairs.Count(pair => Math.Abs(Lead(pair)) <= Tie));
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{b} less {a}: {interval.MeanDifference:+0.000;-0.000} {interval.Difference} (valid at every n, 95 %) over {pairs.Count} prompts; "
            + $"{wins} wins, {ties} ties, {pairs.Count - wins - ties} losses."));

        void Row(string title, int digits, Func<ComparedAnswer, double?> value) => table.AddRow(
            title, Mean(pairs.Select(pair => value(pair.Baseline)), digits), Mean(pairs.Select(pair => value(pair.Candidate)), digits));
    }

    private static double Lead(Pair pair) => pair.Candidate.Score - pair.Baseline.Score;

    private static string Mean(IEnumerable<double?> values, int digits) =>
        values.Average() is { } mean ? mean.ToString($"F{digits}", CultureInfo.InvariantCulture) : "-";
}
