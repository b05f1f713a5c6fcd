namespace Serving.Trainer.Objectives;

/// <summary>pi(a) / mu(a) from log-probs. Pure.</summary>
public static class ImportanceRatio
{
    /// <summary>e^20 is more than any weight should be and still adds up in a double.</summary>
    private const double LargestLog = 20;

    public static double Of(double logRatio) => Math.Exp(Math.Clamp(logRatio, -LargestLog, LargestLog));
}
