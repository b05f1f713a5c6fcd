using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace Serving.Trainer.Loop;

/// <summary>How good one sample per held-out prompt is. Immutable.</summary>
/// <param name="Step">Steps that the policy had taken.</param>
/// <param name="Figures">
/// By name, one value per prompt in the prompts' order, for paired comparisons: "total" (scorecard, penalties of vetoes left out), every scorer, "vetoed", "judge"
/// (probability), "kl" (from the start, nats per answer), "entropy" (nats per token), "tokens", "words", "repetition", "coverage", "density", and "rouge-1", "rouge-2", "rouge-l" (per cent)
/// of the prompts that have a reference.
/// </param>
/// <param name="Distinct">Different answers over answers.</param>
public sealed record HeldOutEvaluation(int Step, IReadOnlyDictionary<string, double[]> Figures, double Distinct)
{
    private static readonly string[] _withError = [TotalName, JudgeName, DivergenceName];

    internal const string TotalName = "total";
    internal const string JudgeName = "judge";
    internal const string DivergenceName = "kl";
    internal const string EntropyName = "entropy";
    internal const string WordsName = "words";
    internal const string RepetitionName = "repetition";

    /// <summary>What the console shows of <see cref="ToLog"/>.</summary>
    internal static FrozenSet<string> Shown { get; } = FrozenSet.Create(
        "evaluation/total", "evaluation/standard_error", "evaluation/judge", "evaluation/kl", "evaluation/tokens", "evaluation/rouge-l", "evaluation/effective_n");

    /// <summary>The Best-of-N of the start that has the same mean total; null where the start's candidates were not drawn.</summary>
    public EffectiveN? EffectiveN { get; init; }

    /// <summary>Gain in total over one sample of the start, over that of the start's Best-of-<see cref="TrainerOptions.TargetCandidates"/>; null as above.</summary>
    public double? GainShare { get; init; }

    public int Prompts => Figures[TotalName].Length;

    /// <summary>Mean scorecard total.</summary>
    public double Total => Mean(TotalName);

    /// <summary>Mean over prompts; not a number for a figure that was not taken.</summary>
    public double Mean(string figure) => Figures.TryGetValue(figure, out var values) ? values.Average() : double.NaN;

    /// <summary>Standard error of that mean over prompts.</summary>
    public double StandardError(string figure) => StandardError(Figures[figure]);

    /// <summary>Mean and standard error of this total minus that of <paramref name="before"/>, prompt by prompt.</summary>
    public (double Mean, double StandardError) GainOver(HeldOutEvaluation before) => Difference(before, TotalName);

    /// <summary>Mean and standard error of a figure minus that of <paramref name="before"/>, prompt by prompt.</summary>
    public (double Mean, double StandardError) Difference(HeldOutEvaluation before, string figure)
    {
        var gains = Figures[figure].Zip(before.Figures[figure], (after, earlier) => after - earlier).ToArray();
        return (gains.Average(), StandardError(gains));
    }

    /// <summary>The same with nothing but total and judge, to keep.</summary>
    internal HeldOutEvaluation Short() =>
        new(Step, Figures.Where(figure => figure.Key is TotalName or JudgeName).ToDictionary(figure => figure.Key, figure => figure.Value), Distinct);

    /// <summary>For a line of the log: names begin with "evaluation/".</summary>
    public (string Name, double Value)[] ToLog()
    {
        var values = new List<(string, double)>();
        foreach (var name in Figures.Keys)
        {
            values.Add(("evaluation/" + name, Mean(name)));
            if (_withError.Contains(name))
            {
                values.Add((name == TotalName ? "evaluation/standard_error" : $"evaluation/{name}_standard_error", StandardError(name)));
            }
        }

        values.Add(("evaluation/distinct", Distinct));
        if (EffectiveN is { } n)
        {
            values.AddRange([("evaluation/effective_n", n.Value), ("evaluation/effective_n_lower", n.Lower), ("evaluation/effective_n_upper", n.Upper)]);
        }

        if (GainShare is { } share)
        {
            values.Add(("evaluation/gain_share", share));
        }

        return [.. values];
    }

    /// <summary>For a published version's figures: means, and standard errors of all of them.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject { ["step"] = Step, ["prompts"] = Prompts };
        foreach (var name in Figures.Keys)
        {
            json[name] = Mean(name);
            json[name + "_standard_error"] = StandardError(name);
        }

        json["distinct"] = Distinct;
        if (EffectiveN is { } n)
        {
            json["effective_n"] = new JsonObject { ["value"] = n.Value, ["lower"] = n.Lower, ["upper"] = n.Upper };
        }

        if (GainShare is { } share)
        {
            json["gain_share"] = share;
        }

        return json;
    }

    private static double StandardError(double[] values)
    {
        var mean = values.Average();
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1) / values.Length);
    }
}

/// <summary>What a run is measured against. Immutable.</summary>
/// <param name="Sample">One sample of the start per prompt, of the same seeds as every later evaluation.</param>
/// <param name="Curve">Best-of-n of the start; null where the start's candidates were not drawn.</param>
/// <param name="AnswerWords">Mean words of the answers that came with the prompts; null where none came.</param>
public sealed record StartEvaluation(HeldOutEvaluation Sample, BestOfNCurve? Curve, double? AnswerWords);
