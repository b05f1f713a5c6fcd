namespace Serving.Trainer.Objectives;

/// <summary>The replay priority of a sequence (R2D2, section 2.3). Pure.</summary>
public static class SequencePriority
{
    /// <summary>p = eta max |delta_i| + (1 - eta) mean |delta_i|: the mean alone would hide the few places of a long sequence where there is something to learn.</summary>
    /// <param name="errors">delta_i: temporal differences or advantages.</param>
    /// <param name="share">eta, from 0 to 1; 0.9 in the paper.</param>
    public static double Of(IReadOnlyCollection<double> errors, double share) =>
        errors.Count == 0 ? 0 : (share * errors.Max(Math.Abs)) + ((1 - share) * errors.Average(Math.Abs));
}
