using System.Globalization;
using System.Net;
using System.Text;

namespace Serving.Experiments;

/// <summary>A report as one HTML file that needs nothing else: no scripts, no fonts, drawings inline. Pure.</summary>
internal static class ReportPage
{
    private const string Style = """
        body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; border-top: 1px solid #d5dce3; padding-top: 1rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
        table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e4e9ee; vertical-align: top; }
        .verdict { font-weight: 600; } .promote { color: #13773b; } .roll-back, .problem { color: #b3261e; } .hold { color: #8a5a00; }
        .figures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; } svg { max-width: 100%; height: auto; } svg text { font-size: 12px; fill: #44525f; }
        .band { fill: #2f6fb3; opacity: .2; } .mean { fill: none; stroke: #2f6fb3; stroke-width: 2; } .axis, .zero { stroke: #8593a0; fill: none; } .grid { stroke: #e9edf1; fill: none; }
        .margin { stroke: #b3261e; stroke-dasharray: 5 4; fill: none; } .decision { stroke: #13773b; stroke-width: 1.5; fill: none; } .win { fill: #8fcca6; } .tie { fill: #dfe5ea; } .loss { fill: #eba9a3; }
        .baseline { fill: #b8c4cf; } .candidate { fill: #2f6fb3; } .allowed { fill: #e2f1e7; } .whisker { stroke: #1c2733; stroke-width: 2; fill: none; }
        """;

    public static string Of(ExperimentReport report, DateTimeOffset now)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Distilled against Best-of-N</title><style>\n{Style}\n</style></head>\n<body>\n");
        page.Append(CultureInfo.InvariantCulture, $"<h1>Distilled against Best-of-N</h1>\n<p>As of {now:yyyy-MM-dd HH:mm} UTC. Gate: {Word(report.Gate)}; a mean score may be lower by {ReportPlots.Number(report.Margin)}. ");
        page.Append("Intervals are always valid: they hold however often they are looked at.</p>\n");
        foreach (var problem in report.Problems)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p class=\"problem\">{Text(problem)}</p>\n");
        }

        foreach (var candidate in report.Candidates.Reverse())
        {
            Candidate(page, candidate, [.. report.Decisions.Where(decision => decision.Candidate == candidate.Candidate)]);
        }

        if (report.Candidates.Count == 0)
        {
            page.Append("<p>Nothing was compared yet.</p>\n");
        }

        Callers(page, report);
        Decisions(page, report.Decisions);
        return page.Append("</body>\n</html>\n").ToString();
    }

    private static void Candidate(StringBuilder page, CandidateReport candidate, IReadOnlyList<DecisionReport> decisions)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h2>{Text(candidate.Candidate)}</h2>\n<p>{candidate.Pairs} pairs from {candidate.First:yyyy-MM-dd HH:mm} to {candidate.Last:yyyy-MM-dd HH:mm} UTC, ");
        page.Append(CultureInfo.InvariantCulture, $"judged by {Text(candidate.Judges.Count == 0 ? "an unnamed judge" : string.Join(", ", candidate.Judges))}; error of this version {ReportPlots.Number(candidate.Rules.Alpha)}.");
        if (candidate.EffectiveN is { } n)
        {
            page.Append(CultureInfo.InvariantCulture, $" Effective N <strong>{Open(n.Value)}</strong> [{Open(n.Lower)}, {Open(n.Upper)}] over {n.Pairs} pairs.");
        }

        page.Append("</p>\n");
        foreach (var stretch in candidate.Stretches)
        {
            Stretch(page, stretch, candidate.Rules, decisions);
        }
    }

    private static void Stretch(StringBuilder page, StretchReport stretch, GateRules rules, IReadOnlyList<DecisionReport> decisions)
    {
        var state = stretch.State;
        var word = DecideVerb.Word(state.Decision);
        page.Append(CultureInfo.InvariantCulture, $"<h3>{(state.IsPromoted ? "Watched since its promotion" : "Compared")} with {Text(state.Baseline ?? "")}</h3>\n");
        page.Append(CultureInfo.InvariantCulture, $"<p><span class=\"verdict {word}\">{word}</span> after {state.N} pairs: score {Signed(state.Mean)} [{Signed(state.Lower)}, {Signed(state.Upper)}]. {Text(string.Join(' ', state.Reasons))}</p>\n");
        page.Append("<div class=\"figures\">\n");
        Figure(page, "Score of the candidate less that of the baseline", ReportPlots.Course(stretch, rules.Margin, [.. decisions.Where(decision => decision.By == "gate")]));
        Figure(page, FormattableString.Invariant($"Win rate among decisive pairs [{state.WinRateLower:P1}, {state.WinRateUpper:P1}]"), ReportPlots.WinTieLoss(state));
        Costs(page, "95 % latency, ms", state, costs => costs.P95LatencyMilliseconds);
        Costs(page, "Median latency, ms", state, costs => costs.MedianLatencyMilliseconds);
        Costs(page, "Tokens per answer", state, costs => costs.TokensPerAnswer);
        Costs(page, "CPU seconds per answer", state, costs => costs.ProcessorSecondsPerAnswer);
        foreach (var guardrail in state.Guardrails)
        {
            Figure(page, $"Guardrail {guardrail.Name}: {(guardrail.Pairs == 0 ? "not measured" : guardrail.Status.ToString().ToLowerInvariant())}", ReportPlots.Guardrail(guardrail));
        }

        page.Append("</div>\n");
    }

    private static void Costs(StringBuilder page, string unit, GateState state, Func<CostState, double?> figure)
    {
        if (figure(state.BaselineCosts) is { } baseline && figure(state.CandidateCosts) is { } candidate)
        {
            Figure(page, unit, ReportPlots.Bars(unit, baseline, candidate));
        }
    }

    private static void Callers(StringBuilder page, ExperimentReport report)
    {
        if (report.Arms.Count == 0)
        {
            return;
        }

        page.Append("<h2>What callers of \"auto\" met</h2>\n<table><tr><th>arm</th><th>policy</th><th>requests</th><th>median ms</th><th>95 % ms</th><th>tokens per answer</th></tr>\n");
        foreach (var arm in report.Arms)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(arm.Arm)}</td><td>{Text(arm.Policy)}</td><td>{arm.Requests}</td><td>{ReportPlots.Number(arm.MedianMilliseconds)}</td>");
            page.Append(CultureInfo.InvariantCulture, $"<td>{ReportPlots.Number(arm.P95Milliseconds)}</td><td>{ReportPlots.Number(arm.TokensPerAnswer)}</td></tr>\n");
        }

        page.Append(CultureInfo.InvariantCulture, $"</table>\n<p class=\"{(report.SampleRatioAlarm ? "problem" : "")}\">{(report.SampleRatioAlarm ? "The arms did not get the shares that were planned" : "The arms got the shares that were planned")} (ln e-value {report.SampleRatioLogEvidence:F2}).</p>\n");
        if (report.Feedback.Count > 0)
        {
            page.Append("<table><tr><th>feedback</th><th>arm</th><th>answers</th><th>mean</th></tr>\n");
            foreach (var feedback in report.Feedback)
            {
                page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(feedback.Metric)}</td><td>{Text(feedback.Arm)}</td><td>{feedback.Count}</td><td>{ReportPlots.Number(feedback.Mean)}</td></tr>\n");
            }

            page.Append("</table>\n");
        }
    }

    private static void Decisions(StringBuilder page, IReadOnlyList<DecisionReport> decisions)
    {
        page.Append("<h2>Decisions</h2>\n<table><tr><th>time, UTC</th><th>version</th><th>decision</th><th>by</th><th>pairs</th><th>interval</th><th>reason</th></tr>\n");
        foreach (var decision in decisions.Reverse())
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{decision.Time:yyyy-MM-dd HH:mm:ss}</td><td>{Text(decision.Candidate)}</td><td class=\"verdict {decision.Kind}\">{decision.Kind}</td><td>{Text(decision.By)}</td>");
            page.Append(CultureInfo.InvariantCulture, $"<td>{decision.Pairs}</td><td>{(decision.Lower is { } lower && decision.Upper is { } upper ? $"[{Signed(lower)}, {Signed(upper)}]" : "")}</td><td>{Text(decision.Reason)}</td></tr>\n");
        }

        page.Append(decisions.Count == 0 ? "<tr><td colspan=\"7\">None yet.</td></tr>\n</table>\n" : "</table>\n");
    }

    private static void Figure(StringBuilder page, string title, string drawing) =>
        page.Append(CultureInfo.InvariantCulture, $"<figure><figcaption>{Text(title)}</figcaption>{drawing}</figure>\n");

    private static string Word(GateMode mode) => mode.ToString().ToLowerInvariant();

    private static string Open(double? n) => n is { } value ? value.ToString("F1", CultureInfo.InvariantCulture) : "any";

    private static string Signed(double value) => value.ToString("+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
