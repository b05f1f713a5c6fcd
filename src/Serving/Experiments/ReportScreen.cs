using System.Globalization;
using Spectre.Console;

namespace Serving.Experiments;

/// <summary>A report on a terminal. Stateless.</summary>
internal static class ReportScreen
{
    public static void Show(ExperimentReport report, IAnsiConsole console)
    {
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Gate {report.Gate.ToString().ToLowerInvariant()}, margin {report.Margin:G4}. Intervals hold however often they are looked at."));
        Candidates(report, console);
        Guardrails(report, console);
        Callers(report, console);
        Decisions(report, console);
        foreach (var problem in report.Problems)
        {
            console.MarkupLine($"[red]{Markup.Escape(problem)}[/]");
        }
    }

    private static void Candidates(ExperimentReport report, IAnsiConsole console)
    {
        if (report.Candidates.Count == 0)
        {
            console.WriteLine("Nothing was compared yet.");
            return;
        }

        var table = new Table().Title("Candidate less baseline").AddColumns(
            "version", "baseline", "pairs", Markup.Escape("score [interval]"), "win/tie/loss", Markup.Escape("95 % ms"), "tokens", "CPU s", "effective N", "verdict");
        foreach (var candidate in report.Candidates)
        {
            foreach (var state in candidate.Stretches.Select(stretch => stretch.State))
            {
                Row(
                    table,
                    candidate.Candidate + (state.IsPromoted ? " (watch)" : ""),
                    state.Baseline ?? "",
                    Number(state.N),
                    FormattableString.Invariant($"{state.Mean:+0.000;-0.000} [{state.Lower:+0.000;-0.000}, {state.Upper:+0.000;-0.000}]"),
                    $"{state.Wins}/{state.Ties}/{state.Losses}",
                    Both(state, costs => costs.P95LatencyMilliseconds),
                    Both(state, costs => costs.TokensPerAnswer),
                    Both(state, costs => costs.ProcessorSecondsPerAnswer),
                    candidate.EffectiveN is { Value: { } n } ? n.ToString("F1", CultureInfo.InvariantCulture) : "-",
                    DecideVerb.Word(state.Decision));
            }
        }

        console.Write(table);
        foreach (var candidate in report.Candidates.Where(candidate => candidate.Now is { Decision: GateDecision.Hold }))
        {
            console.WriteLine($"{candidate.Candidate}: {string.Join(' ', candidate.Now!.Reasons)}");
        }
    }

    private static void Guardrails(ExperimentReport report, IAnsiConsole console)
    {
        var table = new Table().Title("Guardrails").AddColumns("version", "guardrail", "pairs", "mean", "interval", "allowed", "status");
        foreach (var candidate in report.Candidates)
        {
            foreach (var guardrail in candidate.Now?.Guardrails ?? [])
            {
                Row(
                    table, candidate.Candidate, $"{guardrail.Name}, {guardrail.Unit}", Number(guardrail.Pairs), guardrail.Mean is { } mean ? mean.ToString("F3", CultureInfo.InvariantCulture) : "-",
                    Range(guardrail.Lower, guardrail.Upper), Range(guardrail.LowestAllowed, guardrail.HighestAllowed), guardrail.Pairs == 0 ? "not measured" : guardrail.Status.ToString().ToLowerInvariant());
            }
        }

        if (table.Rows.Count > 0)
        {
            console.Write(table);
        }
    }

    private static void Callers(ExperimentReport report, IAnsiConsole console)
    {
        if (report.Arms.Count == 0)
        {
            return;
        }

        var table = new Table().Title("Callers of \"auto\"").AddColumns("arm", "policy", "requests", "median ms", Markup.Escape("95 % ms"), "tokens per answer");
        foreach (var arm in report.Arms)
        {
            Row(table, arm.Arm, arm.Policy, Number(arm.Requests), Figure(arm.MedianMilliseconds), Figure(arm.P95Milliseconds), Figure(arm.TokensPerAnswer));
        }

        console.Write(table);
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Shares of the arms: {(report.SampleRatioAlarm ? "not as planned, find out why before anything is decided" : "as planned")} (ln e-value {report.SampleRatioLogEvidence:F2})."));
        foreach (var feedback in report.Feedback)
        {
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Feedback {feedback.Metric}, {feedback.Arm}: {feedback.Mean:G4} over {feedback.Count} answers."));
        }
    }

    private static void Decisions(ExperimentReport report, IAnsiConsole console)
    {
        if (report.Decisions.Count == 0)
        {
            return;
        }

        var table = new Table().Title("Decisions").AddColumns("time, UTC", "version", "decision", "by", "pairs", "interval", "reason");
        foreach (var decision in report.Decisions)
        {
            Row(
                table, decision.Time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), decision.Candidate, decision.Kind, decision.By,
                decision.Pairs is { } pairs ? Number(pairs) : "-", decision.Lower is null ? "-" : Range(decision.Lower, decision.Upper), decision.Reason);
        }

        console.Write(table);
    }

    private static void Row(Table table, params string[] cells) => table.AddRow([.. cells.Select(Markup.Escape)]);

    private static string Both(GateState state, Func<CostState, double?> figure) =>
        figure(state.CandidateCosts) is { } candidate && figure(state.BaselineCosts) is { } baseline ? $"{Figure(candidate)} vs {Figure(baseline)}" : "-";

    private static string Range(double? lower, double? upper) => $"[{Bound(lower)}, {Bound(upper)}]";

    private static string Bound(double? bound) => bound?.ToString("F3", CultureInfo.InvariantCulture) ?? "any";

    private static string Figure(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
