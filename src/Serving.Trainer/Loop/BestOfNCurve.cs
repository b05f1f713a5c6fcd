using Serving.Scoring;
using Serving.Trainer.Objectives;

namespace Serving.Trainer.Loop;

/// <summary>
/// How good Best-of-n of one policy is for n = 1..N, from N scored candidates of every prompt: the U-statistic of <see cref="BestOfNWeights"/>, unbiased
/// for every n. Immutable.
/// </summary>
/// <param name="Totals">By prompt, then by n - 1: estimate of the mean total of Best-of-n, penalties of vetoes left out.</param>
public sealed record BestOfNCurve(IReadOnlyList<double[]> Totals)
{
    private const int Resamples = 1000;
    private const double Outside = 0.025;

    /// <summary>N.</summary>
    public int Candidates => Totals[0].Length;

    /// <param name="scores">By prompt, N of each.</param>
    public static BestOfNCurve Of(IReadOnlyList<IReadOnlyList<Score>> scores)
    {
        var count = scores[0].Count;
        var weights = Enumerable.Range(1, count).Select(n => Enumerable.Range(0, count).Select(better => BestOfNWeights.Weight(better, count, n)).ToArray()).ToArray();
        return new BestOfNCurve([.. scores.Select(group =>
        {
            double[] ranked = [.. group.OrderByDescending(score => score.Total).Select(score => score.Total + (Scorecard.VetoPenalty * score.Vetoed.Count))];
            return weights.Select(row => row.Zip(ranked, (weight, total) => weight * total).Sum()).ToArray();
        })]);
    }

    /// <summary>Mean total of Best-of-n, <paramref name="n"/> from 1 to N.</summary>
    public double Mean(int n) => Totals.Average(curve => curve[n - 1]);

    /// <summary>Where this curve reaches the mean of <paramref name="totals"/>, one per prompt in the same order; linear in log n between whole n.</summary>
    public EffectiveN Of(IReadOnlyList<double> totals)
    {
        var everyone = Enumerable.Range(0, Totals.Count).ToArray();
        var random = new Random(1);
        var found = new double[Resamples];
        for (var b = 0; b < Resamples; b++)
        {
            found[b] = Find(totals, [.. everyone.Select(_ => random.Next(everyone.Length))]);
        }

        Array.Sort(found);
        return new EffectiveN(Find(totals, everyone), found[(int)(Outside * Resamples)], found[(int)((1 - Outside) * Resamples)]);
    }

    /// <summary>
    /// Totals of the policy with less noise and the same mean: how far the start's one sample of the same seed lies from the mean of the start's N is luck that the
    /// two share as long as the policy is near the start. What is taken off is the share of it that shows in <paramref name="totals"/> (a control variate, its factor by
    /// regression): all of it for the start itself, nearly nothing once the draws have nothing in common.
    /// </summary>
    /// <param name="totals">Of the policy, one per prompt.</param>
    /// <param name="start">Of the start's one sample, in the same order.</param>
    public double[] Steadied(IReadOnlyList<double> totals, IReadOnlyList<double> start)
    {
        double[] luck = [.. Totals.Zip(start, (curve, total) => total - curve[0])];
        var mean = luck.Average();
        var variance = luck.Sum(value => (value - mean) * (value - mean));
        var shared = luck.Select((value, i) => (value - mean) * (totals[i] - Totals[i][0])).Sum();
        var factor = variance > 0 ? shared / variance : 0;
        return [.. totals.Select((total, i) => total - (factor * luck[i]))];
    }

    private double Find(IReadOnlyList<double> totals, int[] prompts)
    {
        var wanted = prompts.Average(prompt => totals[prompt]);
        var below = prompts.Average(prompt => Totals[prompt][0]);
        if (wanted <= below)
        {
            return 1;
        }

        for (var n = 2; n <= Candidates; n++)
        {
            var above = prompts.Average(prompt => Totals[prompt][n - 1]);
            if (wanted < above)
            {
                var share = (wanted - below) / (above - below);
                return Math.Exp(Math.Log(n - 1) + (share * Math.Log(n / (n - 1.0))));
            }

            below = above;
        }

        return Candidates;
    }
}
