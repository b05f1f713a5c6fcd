namespace Serving.Experiments;

/// <summary>One quantity beside the quality: how a pair tells it, and which of its means are allowed. Immutable.</summary>
/// <param name="Name">As in reports.</param>
/// <param name="Unit">What the figures are.</param>
/// <param name="Measure">On the scale [0,1] of sequences; null = the pair does not tell.</param>
/// <param name="Shown">From that scale to the figures of reports.</param>
/// <param name="Allowed">Allowed means, on the scale of reports.</param>
internal sealed record GuardrailKind(string Name, string Unit, Func<Pair, double?> Measure, Func<double, double> Shown, Interval Allowed)
{
    private const string AsDifference = "candidate less baseline";
    private const string AsRatio = "candidate over baseline";

    /// <summary>Those that the margins switch on.</summary>
    public static IEnumerable<GuardrailKind> Of(GuardrailMargins margins)
    {
        if (margins.Support is { } support)
        {
            yield return Difference("support", answer => answer.Support, new Interval(-support, 1));
        }

        if (margins.Contradiction is { } contradiction)
        {
            yield return Difference("contradiction", answer => answer.Contradiction, new Interval(-1, contradiction));
        }

        if (margins.Repetition is { } repetition)
        {
            yield return Difference("repetition", answer => answer.Repetition, new Interval(-1, repetition));
        }

        if (margins.Empty is { } empty)
        {
            yield return Difference("empty", answer => answer.IsEmpty ? 1 : 0, new Interval(-1, empty));
        }

        if (margins.ShortestLength is not null || margins.LongestLength is not null)
        {
            yield return new GuardrailKind(
                "length", AsRatio, LengthShare, share => share / (1 - share), new Interval(margins.ShortestLength ?? 0, margins.LongestLength ?? double.PositiveInfinity));
        }
    }

    private static GuardrailKind Difference(string name, Func<ComparedAnswer, double?> of, Interval allowed) =>
        new(name, AsDifference, pair => of(pair.Candidate) - of(pair.Baseline) is { } difference ? (difference + 1) / 2 : null, x => (2 * x) - 1, allowed);

    /// <summary>The candidate's part of both lengths: it is bounded without a longest length, and 1/2 where both are as long.</summary>
    private static double? LengthShare(Pair pair) => (pair.Candidate.Tokens, pair.Baseline.Tokens) switch
    {
        (null, _) or (_, null) => null,
        (0, 0) => 0.5,
        var (candidate, baseline) => (double)candidate / (candidate + baseline),
    };
}
