namespace Serving.Trainer.ScorerTraining;

/// <summary>How well scores tell two sets apart, and how far probabilities can be believed.</summary>
internal static class Separation
{
    private const int Bins = 10;

    /// <summary>Probability that a random positive scores above a random negative; ties count half.</summary>
    public static double Auc(float[] positives, float[] negatives)
    {
        var sorted = negatives.Order().ToArray();
        var sum = 0.0;
        foreach (var positive in positives)
        {
            var below = LowerBound(sorted, positive);
            var upTo = below;
            while (upTo < sorted.Length && sorted[upTo] == positive)
            {
                upTo++;
            }

            sum += below + ((upTo - below) / 2.0);
        }

        return sum / (positives.Length * (double)negatives.Length);
    }

    /// <summary>
    /// Expected calibration error (Guo et al. 2017): mean over ten bins of |share of positives - mean probability|, weighted by the bins' mass; positives
    /// and negatives weigh the same in all.
    /// </summary>
    public static double CalibrationError(double[] positives, double[] negatives)
    {
        var (mass, hits, sum) = (new double[Bins], new double[Bins], new double[Bins]);
        Add(positives, 1);
        Add(negatives, 0);
        return Enumerable.Range(0, Bins).Sum(bin => Math.Abs(hits[bin] - sum[bin])) / mass.Sum();

        void Add(double[] probabilities, int label)
        {
            foreach (var p in probabilities)
            {
                var bin = Math.Min(Bins - 1, (int)(p * Bins));
                var weight = 1.0 / probabilities.Length;
                mass[bin] += weight;
                hits[bin] += weight * label;
                sum[bin] += weight * p;
            }
        }
    }

    /// <summary>Pearson's correlation.</summary>
    public static double Correlation(double[] x, double[] y)
    {
        var (meanX, meanY) = (x.Average(), y.Average());
        var (xy, xx, yy) = (0.0, 0.0, 0.0);
        for (var i = 0; i < x.Length; i++)
        {
            xy += (x[i] - meanX) * (y[i] - meanY);
            xx += (x[i] - meanX) * (x[i] - meanX);
            yy += (y[i] - meanY) * (y[i] - meanY);
        }

        return xx == 0 || yy == 0 ? 0 : xy / Math.Sqrt(xx * yy);
    }

    private static int LowerBound(float[] sorted, float value)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (sorted[middle] < value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
