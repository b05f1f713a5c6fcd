namespace Serving.Scoring;

/// <summary>The scores of one answer. Immutable.</summary>
/// <param name="Total">Weighted sum of <paramref name="Values"/> by the scorecard.</param>
/// <param name="Values">One value per scorer, in the scorecard's order.</param>
public sealed record Score(double Total, IReadOnlyList<KeyValuePair<string, float>> Values)
{
    /// <summary>Scorers that vetoed the answer; each has taken <see cref="Scorecard.VetoPenalty"/> off the total.</summary>
    public IReadOnlyList<string> Vetoed { get; init; } = [];
}
