using System.Text.Json.Nodes;
using Serving.Inference;
using Serving.Scoring;
using Serving.Trainer.Data;

namespace Serving.Trainer.Loop;

/// <summary>How good one sample per prompt is. Immutable.</summary>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Total">Mean scorecard total, without the penalties of vetoes.</param>
/// <param name="StandardError">Standard error of that mean over prompts.</param>
/// <param name="Values">Mean of every scorer, in the scorecard's order.</param>
/// <param name="Vetoed">Share of the answers that a scorer vetoed.</param>
/// <param name="Tokens">Mean answer length.</param>
/// <param name="Totals">The total of every prompt's answer, in the prompts' order, for paired comparisons.</param>
public sealed record PolicyEvaluation(
    int Prompts,
    double Total,
    double StandardError,
    IReadOnlyList<KeyValuePair<string, double>> Values,
    double Vetoed,
    double Tokens,
    IReadOnlyList<double> Totals)
{
    /// <summary>Mean and standard error of this minus <paramref name="before"/>, prompt by prompt.</summary>
    public (double Mean, double StandardError) GainOver(PolicyEvaluation before)
    {
        var gains = Totals.Zip(before.Totals, (after, earlier) => after - earlier).ToArray();
        return (gains.Average(), PolicyEvaluator.StandardError(gains));
    }

    public JsonObject ToJson()
    {
        var scores = new JsonObject();
        foreach (var (scorer, mean) in Values)
        {
            scores[scorer] = mean;
        }

        return new JsonObject
        {
            ["prompts"] = Prompts,
            ["total"] = Total,
            ["standard_error"] = StandardError,
            ["scores"] = scores,
            ["vetoed"] = Vetoed,
            ["tokens"] = Tokens,
        };
    }
}

/// <summary>Mean scorecard of a single sample on given prompts, through the engine. The same seed gives the same draws, so two evaluations pair up.</summary>
public static class PolicyEvaluator
{
    public static PolicyEvaluation Evaluate(
        LoadedPolicy policy, IReadOnlyList<PromptText> prompts, SamplingParameters sampling, AnswerScorer score, ulong seed, CancellationToken cancellationToken)
    {
        if (prompts.Count == 0)
        {
            throw new ArgumentException("An evaluation needs prompts.", nameof(prompts));
        }

        var random = new StepRandom(seed, "evaluation");
        var answers = Sampling.Answer(policy, [.. prompts.Select((prompt, i) => (prompt, random.Bits(0, (ulong)i)))], sampling, 1, score, cancellationToken);
        var scores = answers.Select(answer => answer[0].Score).ToArray();
        var totals = scores.Select(s => s.Total + (Scorecard.VetoPenalty * s.Vetoed.Count)).ToArray();
        return new PolicyEvaluation(
            prompts.Count,
            totals.Average(),
            StandardError(totals),
            [.. scores[0].Values.Select((value, i) => KeyValuePair.Create(value.Key, scores.Average(s => (double)s.Values[i].Value)))],
            scores.Average(s => s.Vetoed.Count > 0 ? 1.0 : 0),
            answers.Average(answer => answer[0].Candidate.Tokens.Length),
            totals);
    }

    internal static double StandardError(IReadOnlyList<double> values)
    {
        var mean = values.Average();
        return values.Count < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
    }
}
