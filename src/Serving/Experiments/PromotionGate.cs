using System.Globalization;

namespace Serving.Experiments;

/// <summary>
/// Promote, hold or roll back one version, from its pairs in order and from nothing else: the same pairs under the same rules always give the same verdict.
/// It may be asked after every pair. When the baseline changes, and when the version is promoted, the evidence begins anew. O(1) per pair. Not thread-safe.
/// </summary>
public sealed class PromotionGate(GateRules rules)
{
    private readonly PlannedShares _shares = new();
    private GateComparison _now = new(rules, null, isPromoted: false);
    private int _position;

    /// <summary>What it goes by; a decision is recorded with these.</summary>
    public GateRules Rules => rules;

    /// <summary>The verdict after the pairs so far.</summary>
    public GateDecision Decision => Failures.Any() ? GateDecision.RollBack
        : !_now.IsPromoted && !Obstacles.Any() ? GateDecision.Promote
        : GateDecision.Hold;

    /// <summary>The comparison is over: promoted, rolled back, or held for good since the most pairs have come.</summary>
    public bool IsFinal => IsExhausted || Decision is not GateDecision.Hold;

    private bool IsExhausted => !_now.IsPromoted && _now.Quality.Count >= rules.MaxPairs;

    /// <summary>Takes the next pair of the log.</summary>
    public void Add(Pair pair)
    {
        if (_now.Baseline != pair.Baseline.Arm || _now.IsPromoted != pair.IsPromoted)
        {
            _now = new GateComparison(rules, pair.Baseline.Arm, pair.IsPromoted);
        }

        _position++;
        _now.Add(pair);
        if (pair is { CandidateShare: { } share, CandidateWasSeen: { } candidate })
        {
            _shares.Add(share, candidate, pair.CallerKey);
        }
    }

    /// <summary>The verdict with all that it rests on.</summary>
    public GateState State()
    {
        var (quality, winRate, decision) = (_now.Quality, _now.WinRate.Value, Decision);
        return new GateState
        {
            Position = _position,
            N = quality.Count,
            Baseline = _now.Baseline,
            IsPromoted = _now.IsPromoted,
            Mean = quality.MeanDifference,
            Lower = quality.Difference.Lower,
            Upper = quality.Difference.Upper,
            Wins = _now.WinRate.Wins,
            Ties = _now.WinRate.Ties,
            Losses = _now.WinRate.Losses,
            WinRateLower = winRate.Lower,
            WinRateUpper = winRate.Upper,
            Guardrails = [.. _now.Guardrails.Select(guardrail => guardrail.State())],
            SampleRatioLogEvidence = _shares.LogEvidence,
            SampleRatioAlarm = _shares.HasAlarmed,
            BaselineCosts = _now.BaselineCosts.State(),
            CandidateCosts = _now.CandidateCosts.State(),
            Decision = decision,
            IsFinal = IsFinal,
            Reasons = [.. Reasons(decision)],
        };
    }

    /// <summary>Why the version must go.</summary>
    private IEnumerable<string> Failures
    {
        get
        {
            if (MarginRule.Decide(_now.Quality.Difference, _now.Quality.Count, rules.Margin, rules.MinPairs) is GateDecision.RollBack)
            {
                yield return Text($"The score is lower than the baseline's by more than {rules.Margin}: at most {_now.Quality.Difference.Upper:F4}.");
            }

            foreach (var guardrail in _now.Guardrails.Where(guardrail => guardrail.HasFailed))
            {
                yield return $"The guardrail {Shown(guardrail)} has failed.";
            }
        }
    }

    /// <summary>What still stands against a promotion.</summary>
    private IEnumerable<string> Obstacles
    {
        get
        {
            if (_now.Quality.Count < rules.MinPairs)
            {
                yield return Text($"{_now.Quality.Count} of the {rules.MinPairs} pairs that a promotion needs.");
            }

            if (_now.Quality.Difference.Lower < -rules.Margin)
            {
                yield return Text($"The score may be lower than the baseline's by more than {rules.Margin}: {_now.Quality.Difference}.");
            }

            foreach (var guardrail in _now.Guardrails.Where(guardrail => !guardrail.IsClear))
            {
                yield return $"The guardrail {Shown(guardrail)} is not clear.";
            }

            if (_shares.HasAlarmed)
            {
                yield return Text($"The arms did not get their planned shares (ln e-value {_shares.LogEvidence:F1}): find out why before anything is decided.");
            }

            if (rules.Kl > rules.KlBudget)
            {
                yield return Text($"The policy is {rules.Kl:F3} nats from its anchor, and the budget is {rules.KlBudget:F3}.");
            }

            if (rules.MustBeCheaper)
            {
                foreach (var reason in CostObstacles())
                {
                    yield return reason;
                }
            }
        }
    }

    private IEnumerable<string> CostObstacles()
    {
        var (baseline, candidate) = (_now.BaselineCosts, _now.CandidateCosts);
        if (!(candidate.P95Latency < baseline.P95Latency))
        {
            yield return candidate.P95Latency is null
                ? "Latencies were not measured."
                : Text($"The 95 % latency is not better: {candidate.P95Latency:F1} ms against {baseline.P95Latency:F1} ms.");
        }

        var (costs, before, unit) = candidate.Seconds is null ? (candidate.Tokens, baseline.Tokens, "tokens") : (candidate.Seconds, baseline.Seconds, "processor seconds");
        if (!(costs < before))
        {
            yield return costs is null ? "Costs were not measured." : Text($"An answer does not cost less: {costs:G4} against {before:G4} {unit}.");
        }
    }

    private IEnumerable<string> Reasons(GateDecision decision) => decision switch
    {
        GateDecision.RollBack => Failures,
        GateDecision.Promote => [Text($"The score is lower than the baseline's by at most {-Math.Min(0, _now.Quality.Difference.Lower):F4}, the margin is {rules.Margin}, and nothing stands against it.")],
        _ when _now.IsPromoted => [Text($"It serves, and nothing is shown against it: {_now.Quality.Difference}.")],
        _ when IsExhausted => [Text($"{rules.MaxPairs} pairs did not show enough: it is given up."), .. Obstacles],
        _ => Obstacles,
    };

    private static string Shown(Guardrail guardrail)
    {
        var state = guardrail.State();
        return state.Pairs == 0
            ? $"\"{state.Name}\" (not measured)"
            : Text($"\"{state.Name}\" ({state.Unit} {state.Mean:F4} [{Bound(state.Lower)}, {Bound(state.Upper)}], allowed [{Bound(state.LowestAllowed)}, {Bound(state.HighestAllowed)}])");
    }

    private static string Bound(double? bound) => bound?.ToString("F4", CultureInfo.InvariantCulture) ?? "any";

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
