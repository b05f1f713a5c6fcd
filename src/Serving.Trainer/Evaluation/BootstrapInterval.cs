namespace Serving.Trainer.Evaluation;

/// <summary>A mean with its 95 % percentile-bootstrap interval (Efron), over prompts. Deterministic.</summary>
public sealed record BootstrapInterval(double Mean, double Lower, double Upper)
{
    private const int Resamples = 2000;

    public static BootstrapInterval Of(IReadOnlyList<double> values)
    {
        var random = new Random(1);
        var means = new double[Resamples];
        for (var b = 0; b < Resamples; b++)
        {
            var sum = 0.0;
            for (var i = 0; i < values.Count; i++)
            {
                sum += values[random.Next(values.Count)];
            }

            means[b] = sum / values.Count;
        }

        Array.Sort(means);
        return new BootstrapInterval(values.Average(), means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples)]);
    }

    public override string ToString() =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Mean:F3} [{Lower:F3}, {Upper:F3}]");
}
