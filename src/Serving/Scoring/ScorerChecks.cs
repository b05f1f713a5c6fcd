using System.Diagnostics;
using Serving.Observability;

namespace Serving.Scoring;

/// <summary>What every use of a scorer checks.</summary>
internal static class ScorerChecks
{
    private const string Failed = "scorer_failed";

    /// <summary>The scorer's value, which is a finite number.</summary>
    /// <exception cref="ScorerException">It failed or gave none; cancellation stays cancellation.</exception>
    public static async Task<float> CheckedScoreAsync(this ITextScorer scorer, string source, string answer, CancellationToken cancellationToken)
    {
        var (parent, begun) = (Telemetry.Current, Stopwatch.GetTimestamp());
        string? error = null;
        try
        {
            var value = await scorer.ScoreAsync(source, answer, cancellationToken);

            // A NaN would win or lose every comparison by accident, so it is a failure like any other.
            return float.IsFinite(value) ? value : throw new ArithmeticException($"the score is {value}, not a number");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            error = "cancelled";                                       // given up: the caller left, or another score failed
            throw;
        }
        catch (ScorerException)
        {
            error = Failed;
            throw;
        }
        catch (Exception e)
        {
            error = Failed;
            throw new ScorerException(scorer.Name, e);
        }
        finally
        {
            // Without a model there is nothing that a trace should show, as long as it goes well.
            if (scorer.RunsModel || error is not null)
            {
                Telemetry.Record(parent, "score", scorer.Name, begun, error);
            }
        }
    }
}
