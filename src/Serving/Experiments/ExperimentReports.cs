using Serving.Models;

namespace Serving.Experiments;

/// <summary>Makes reports from the logs of pairs and exposures and from the decisions. What was read once is not read again: a report costs what is new. Thread-safe.</summary>
/// <param name="store">The registry, for what manifests tell of candidates.</param>
/// <param name="decisions">Of the registry.</param>
/// <param name="options">The section "Experiments": where the logs lie, and the rules of candidates about which nothing was decided.</param>
/// <param name="distilled">The distilled name.</param>
/// <param name="episodes">Episodes:Root, beside which feedback lies.</param>
public sealed class ExperimentReports(ModelStore store, DecisionLog decisions, ExperimentOptions options, string distilled, string episodes)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, CandidateFigures> _candidates = new(StringComparer.Ordinal);
    private readonly ExposureFigures _exposures = new(options.Root, episodes);

    /// <summary>The report as of now.</summary>
    public ExperimentReport Read()
    {
        lock (_gate)
        {
            var problems = new List<string>();
            var candidates = PairLog.Candidates(options.Root);
            var names = candidates.Select(NameOf).Append(distilled).Distinct();
            var history = names.SelectMany(name => Decisions(name, problems)).OrderBy(entry => entry.Decision.Time).ThenBy(entry => entry.Decision.Number).ToArray();
            _exposures.Update(problems);
            return new ExperimentReport
            {
                Margin = options.Margin,
                Gate = options.Gate,
                Candidates = [.. candidates.Select(candidate => Candidate(candidate, history, problems)).OfType<CandidateReport>()],
                Decisions = [.. history.Select(entry => DecisionReport.Of(entry.Name, entry.Decision, entry.State))],
                Arms = _exposures.Arms,
                Feedback = _exposures.Feedback(problems),
                SampleRatioLogEvidence = _exposures.Arms.Count == 0 ? null : _exposures.Shares.LogEvidence,
                SampleRatioAlarm = _exposures.Shares.HasAlarmed,
                Problems = problems,
            };
        }
    }

    private IReadOnlyList<Decided> Decisions(string name, List<string> problems)
    {
        try
        {
            var history = decisions.Read(name);
            problems.AddRange(history.Rejected.Select(rejected => rejected.Reason));
            return [.. history.Decisions.Select(decision => Decided.Of(name, decision, problems))];
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            return [];
        }
    }

    private CandidateReport? Candidate(string candidate, IReadOnlyList<Decided> history, List<string> problems)
    {
        if (!_candidates.TryGetValue(candidate, out var figures))
        {
            _candidates.Add(candidate, figures = new CandidateFigures(candidate, new GrowingFile(PairLog.PathOf(options.Root, candidate))));
        }

        try
        {
            return figures.Update(
                history.LastOrDefault(entry => entry.Candidate == candidate && entry.Rules is not null)?.Rules, n => GateRules.Of(options, PairLog.Comparison(options.Root, candidate), n, KlOf(candidate)));
        }
        catch (IOException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    /// <summary>As the trainer wrote it; null when it did not, or the version is gone.</summary>
    private double? KlOf(string candidate)
    {
        try
        {
            var folder = Path.Combine(store.Root, NameOf(candidate), candidate[(NameOf(candidate).Length + 1)..]);
            return GateRules.KlOf(ModelManifest.Read(folder));
        }
        catch (Exception e) when (e is ModelException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string NameOf(string candidate) => candidate[..candidate.IndexOf('@', StringComparison.Ordinal)];
}
