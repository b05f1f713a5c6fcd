namespace Serving.Trainer.Data;

/// <summary>How a group came into a step. Immutable.</summary>
/// <param name="Number">Its number among all groups that the window has taken in, from 0; -1 for one that does not come from there.</param>
/// <param name="Weight">What its loss is multiplied by, so that draws in proportion to priorities do not bias the mean; at most 1.</param>
/// <param name="Staleness">Versions between the policy that drew it and the newest one of that name.</param>
public readonly record struct ReplayDraw(long Number, double Weight, int Staleness)
{
    /// <summary>A group that was made for the step.</summary>
    public static ReplayDraw Fresh { get; } = new(-1, 1, 0);
}
