using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>
/// The moving anchor: an exponential average of the policy's weights (BOND algorithm 2), theta_anchor = (1-eta) theta_anchor + eta theta. A policy with LoRA
/// counts as its merged weights. Owns its module; used from the training thread.
/// </summary>
public sealed class AnchorAverage : IDisposable
{
    /// <summary>Begins as a copy of <paramref name="policy"/>.</summary>
    public AnchorAverage(PolicyModule policy)
    {
        Module = new PolicyModule(policy.Config) { ComputeType = policy.ComputeType };
        Update(policy, 1);
    }

    public PolicyModule Module { get; }

    public void Update(PolicyModule policy, double eta) => Module.MoveTowards(policy, eta);

    public void Dispose() => Module.Dispose();
}
