using Serving.Trainer.Data;

namespace Serving.Trainer.Lab;

/// <summary>Draws of sequences that are functions of (seed, step, number of the draw within the step). Used by one thread.</summary>
internal sealed class LabDraws(ulong seed)
{
    private readonly StepRandom _random = new(seed, "lab");
    private ulong _step;
    private ulong _next;

    /// <summary>Starts the numbers of a step.</summary>
    public void Begin(int step) => (_step, _next) = ((ulong)step, 0);

    /// <summary>Running sums of probabilities, for <see cref="One"/>.</summary>
    public static double[] Cumulative(IReadOnlyList<double> probabilities)
    {
        var sums = new double[probabilities.Count];
        var sum = 0.0;
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] = sum += probabilities[i];
        }

        return sums;
    }

    /// <summary>One index.</summary>
    public int One(double[] cumulative)
    {
        var at = Array.BinarySearch(cumulative, _random.Uniform(_step, _next++) * cumulative[^1]);

        // An exact hit belongs to the next index: index i owns [sum before it, sum with it).
        return Math.Min(at < 0 ? ~at : at + 1, cumulative.Length - 1);
    }

    /// <summary>Independent indices.</summary>
    public long[] Many(double[] cumulative, int count)
    {
        var drawn = new long[count];
        for (var i = 0; i < count; i++)
        {
            drawn[i] = One(cumulative);
        }

        return drawn;
    }

    /// <summary>The best of <paramref name="count"/> draws, the first of equals: for independent draws that is the same as any other rule.</summary>
    public int Best(double[] cumulative, IReadOnlyList<double> rewards, int count)
    {
        var best = One(cumulative);
        for (var i = 1; i < count; i++)
        {
            var other = One(cumulative);
            best = rewards[other] > rewards[best] ? other : best;
        }

        return best;
    }
}
