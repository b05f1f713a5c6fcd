namespace Serving.Batch;

/// <summary>Carries out a plan: result lines first, which a later run can go on with, then the output where that has another form. Stateless.</summary>
internal static class ScoreRun
{
    /// <param name="plan">What is to be done.</param>
    /// <param name="window">Lines under way at once.</param>
    /// <param name="progress">May be null.</param>
    /// <param name="cancellationToken">Stops; what is done is kept.</param>
    /// <exception cref="BatchException">It cannot start or go on.</exception>
    public static async Task<ScoreSummary> RunAsync(ScorePlan plan, int window, IProgress<ScoreProgress>? progress, CancellationToken cancellationToken)
    {
        using var input = plan.Open();
        if (plan.Compose is null)
        {
            return await new ScoreJob(plan.Work, window).RunAsync(input, plan.Paths, progress, cancellationToken);
        }

        ScoreSummary summary;
        if (Path.Exists(plan.Paths.Output))
        {
            summary = FinishedRun.Check(plan.Paths, input, plan.Work);
        }
        else
        {
            summary = await new ScoreJob(plan.Work, window).RunAsync(input, plan.Paths, progress, cancellationToken);
            await plan.Compose(cancellationToken);
        }

        File.Delete(plan.Paths.Lines);
        return summary;
    }
}
