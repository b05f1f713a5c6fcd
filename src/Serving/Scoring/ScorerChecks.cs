using Serving.Observability;

namespace Serving.Scoring;

/// <summary>What every use of a scorer checks.</summary>
internal static class ScorerChecks
{
    /// <summary>The scorer's value, which is a finite number.</summary>
    /// <exception cref="ScorerException">It failed or gave none; cancellation stays cancellation.</exception>
    public static async Task<float> CheckedScoreAsync(this ITextScorer scorer, string source, string answer, CancellationToken cancellationToken)
    {
        using var span = Telemetry.Begin("score", scorer.Name);
        float value;
        try
        {
            value = await scorer.ScoreAsync(source, answer, cancellationToken);
        }
        catch (Exception e) when (e is not ScorerException && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            throw new ScorerException(scorer.Name, e);
        }

        // A NaN would win or lose every comparison by accident, so it is a failure like any other.
        return float.IsFinite(value)
            ? value
            : throw new ScorerException(scorer.Name, new ArithmeticException($"the score is {value}, not a number"));
    }
}
