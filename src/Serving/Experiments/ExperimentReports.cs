using System.Globalization;
using System.Text.RegularExpressions;
using Serving.Models;

namespace Serving.Experiments;

/// <summary>Reads reports from the logs of pairs and exposures and from the decisions. What did not change is not read again. Thread-safe.</summary>
/// <param name="decisions">Of the registry.</param>
/// <param name="options">The section "Experiments": where the logs lie, and the rules of candidates about which nothing was decided.</param>
/// <param name="distilled">The distilled name.</param>
/// <param name="episodes">Episodes:Root, beside which feedback lies.</param>
public sealed partial class ExperimentReports(DecisionLog decisions, ExperimentOptions options, string distilled, string episodes)
{
    private const double Denser = 1.03;                                // each point of a course lies this much further than the last
    private const double Confidence = 0.05;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Length, DateTime Changed, GateRules Rules, CandidateReport Report)> _known = [];

    /// <summary>The report as of now.</summary>
    public ExperimentReport Read()
    {
        lock (_gate)
        {
            var problems = new List<string>();
            var candidates = PairLog.Candidates(options.Root);
            var names = candidates.Select(NameOf).Append(distilled).Distinct();
            var history = names.SelectMany(name => Decisions(name, problems)).OrderBy(entry => entry.Decision.Time).ThenBy(entry => entry.Decision.Number).ToArray();
            var exposures = new ExposureFigures(options.Root, episodes, problems);
            return new ExperimentReport
            {
                Margin = options.Margin,
                Gate = options.Gate,
                Candidates = [.. candidates.Select(candidate => Candidate(candidate, candidates, history, problems)).OfType<CandidateReport>()],
                Decisions = [.. history.Select(entry => DecisionReport.Of(entry.Name, entry.Decision, entry.State))],
                Arms = exposures.Arms,
                Feedback = exposures.Feedback,
                SampleRatioLogEvidence = exposures.Arms.Count == 0 ? null : exposures.Shares.LogEvidence,
                SampleRatioAlarm = exposures.Shares.HasAlarmed,
                Problems = problems,
            };
        }
    }

    private IEnumerable<Decided> Decisions(string name, List<string> problems)
    {
        DecisionHistory history;
        try
        {
            history = decisions.Read(name);
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            yield break;
        }

        problems.AddRange(history.Rejected.Select(rejected => rejected.Reason));
        foreach (var decision in history.Decisions)
        {
            yield return Decided.Of(name, decision, problems);
        }
    }

    private CandidateReport? Candidate(string candidate, IReadOnlyList<string> all, IReadOnlyList<Decided> history, List<string> problems)
    {
        try
        {
            var file = new FileInfo(PairLog.PathOf(options.Root, candidate));
            var rules = history.LastOrDefault(entry => entry.Candidate == candidate && entry.Rules is not null)?.Rules;
            if (_known.TryGetValue(candidate, out var known) && (known.Length, known.Changed) == (file.Length, file.LastWriteTimeUtc) && (rules is null || rules == known.Rules))
            {
                return known.Report;
            }

            var pairs = PairLog.Read(options.Root, candidate);
            rules ??= GateRules.Of(options, 1 + all.TakeWhile(other => other != candidate).Count(other => NameOf(other) == NameOf(candidate)), CandidatesOf(pairs));
            var report = Report(candidate, pairs, rules);
            _known[candidate] = (file.Length, file.LastWriteTimeUtc, rules, report);
            return report;
        }
        catch (IOException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private static CandidateReport Report(string candidate, IReadOnlyList<Pair> pairs, GateRules rules)
    {
        var gate = new PromotionGate(rules);
        var stretches = new List<StretchReport>();
        var course = new List<IntervalPoint>();
        var next = 1.0;
        for (var (i, n) = (0, 1); i < pairs.Count; i++, n++)
        {
            gate.Add(pairs[i]);
            var isLast = i == pairs.Count - 1 || !pairs[i + 1].Continues(pairs[i]);
            if (n < next && !isLast)
            {
                continue;
            }

            var state = gate.State();
            course.Add(new IntervalPoint(state.N, state.Mean, state.Lower, state.Upper));
            next = Math.Max(n + 1, n * Denser);
            if (isLast)
            {
                stretches.Add(new StretchReport { State = state, Course = [.. course] });
                course.Clear();
                (n, next) = (0, 1);
            }
        }

        return new CandidateReport
        {
            Candidate = candidate,
            Pairs = pairs.Count,
            First = pairs.Count == 0 ? null : pairs[0].Time,
            Last = pairs.Count == 0 ? null : pairs[^1].Time,
            Judges = [.. pairs.Select(pair => pair.Judge).OfType<string>().Distinct()],
            Rules = rules,
            Stretches = stretches,
            EffectiveN = EffectiveN(pairs),
        };
    }

    /// <summary>One answer of N is on average no worse than N/(N+1) of single ones; this is the other way round.</summary>
    private static EffectiveNReport? EffectiveN(IEnumerable<Pair> pairs)
    {
        var quantiles = new PairedInterval(Confidence);
        foreach (var quantile in pairs.Select(pair => pair.Quantile).OfType<double>())
        {
            quantiles.Add(quantile);
        }

        static double? N(double quantile) => quantile < 1 ? quantile / (1 - quantile) : null;
        return quantiles.Count == 0 ? null : new EffectiveNReport(quantiles.Count, N(quantiles.Mean), N(quantiles.Value.Lower), N(quantiles.Value.Upper));
    }

    private static string NameOf(string candidate) => candidate[..candidate.IndexOf('@', StringComparison.Ordinal)];

    /// <summary>N of the last baseline: the arm's name tells it.</summary>
    private static int CandidatesOf(IReadOnlyList<Pair> pairs) =>
        pairs.Count > 0 && BestOf().Match(pairs[^1].Baseline.Arm) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 1;

    [GeneratedRegex("^best-of-([1-9][0-9]{0,5}):")]
    private static partial Regex BestOf();
}
