namespace Serving.Experiments;

/// <summary>The evidence of one stretch of pairs: one baseline, before the promotion or after it. Not thread-safe.</summary>
internal sealed class GateComparison
{
    public GateComparison(GateRules rules, string? baseline, bool isPromoted)
    {
        Baseline = baseline;
        IsPromoted = isPromoted;
        var kinds = GuardrailKind.Of(rules.Guardrails).ToArray();

        // Bonferroni: quality has half of the error, the guardrails share the other half.
        var alpha = kinds.Length == 0 ? rules.Alpha : rules.Alpha / 2;
        Quality = new MeanSequence(alpha, isPromoted);
        WinRate = new WinRateInterval(rules.Alpha);
        Guardrails = [.. kinds.Select(kind => new Guardrail(kind, rules.Alpha / 2 / kinds.Length, isPromoted))];
    }

    public string? Baseline { get; }

    public bool IsPromoted { get; }

    public MeanSequence Quality { get; }

    public WinRateInterval WinRate { get; }

    public IReadOnlyList<Guardrail> Guardrails { get; }

    public ArmCosts BaselineCosts { get; } = new();

    public ArmCosts CandidateCosts { get; } = new();

    public void Add(Pair pair)
    {
        Quality.AddDifference(pair.Difference);
        WinRate.Add(pair.Difference);
        foreach (var guardrail in Guardrails)
        {
            guardrail.Add(pair);
        }

        BaselineCosts.Add(pair.Baseline, pair.Candidate);
        CandidateCosts.Add(pair.Candidate, pair.Baseline);
    }
}
