namespace Serving.EpisodeTools;

/// <summary>A field of the latest steps, as a transform of <see cref="StepPattern.FromTransform"/> names it. Immutable.</summary>
/// <param name="Field">Path of the field; empty for the whole step.</param>
/// <param name="From">-1 is the latest step; 0 = not said yet.</param>
/// <param name="Count">How many steps.</param>
public sealed record StepReference(string Field, int From, int Count)
{
    /// <summary>A field, or one below this one.</summary>
    public StepReference this[string field] => this with { Field = Field.Length == 0 ? field : Field + "/" + field };

    /// <summary>Of one step, counted from the latest (-1).</summary>
    public StepReference this[int step] => this with { From = step, Count = 1 };

    /// <summary>Of the last steps, such as [^3..] or [^3..^1]; both ends count from the end.</summary>
    /// <exception cref="ArgumentException">An end counts from the beginning, which no step has.</exception>
    public StepReference this[Range steps] => steps is { Start.IsFromEnd: true, End.IsFromEnd: true }
        ? this with { From = -steps.Start.Value, Count = steps.Start.Value - steps.End.Value }
        : throw new ArgumentException("Both ends of a range of steps count from the latest, as in [^3..].", nameof(steps));
}
