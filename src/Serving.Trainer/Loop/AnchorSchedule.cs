namespace Serving.Trainer.Loop;

/// <summary>How the anchor follows the policy: a little after every step (J-BOND), all at once every few steps (iterated BOND), or never.</summary>
/// <param name="Rate">eta: share of the policy's weights that the anchor takes over after every step.</param>
/// <param name="Every">Steps after which the policy replaces the anchor; 0 = never.</param>
public readonly record struct AnchorSchedule(double Rate, int Every)
{
    /// <summary>Share of the policy in the anchor's next weights, from 0 to 1.</summary>
    public double ShareAfter(int step) => Every > 0 && (step + 1) % Every == 0 ? 1 : Rate;
}
