namespace Serving.Experiments;

/// <summary>The gate's rule for one interval and one margin, as "ab decide" shows it. Pure.</summary>
public static class MarginRule
{
    /// <summary>
    /// Promote when the lower bound is at least -margin and there are enough pairs; roll back when the upper bound is below -margin, however few they are; hold
    /// otherwise.
    /// </summary>
    /// <param name="difference">Interval of candidate less baseline, in [-1,1].</param>
    /// <param name="pairs">Pairs that it rests on.</param>
    /// <param name="margin">Allowed loss, in [0,1].</param>
    /// <param name="minPairs">Pairs that a promotion needs.</param>
    public static GateDecision Decide(Interval difference, int pairs, double margin, int minPairs) =>
        difference.Upper < -margin ? GateDecision.RollBack
        : difference.Lower >= -margin && pairs >= minPairs ? GateDecision.Promote
        : GateDecision.Hold;
}
