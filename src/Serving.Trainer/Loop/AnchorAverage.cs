using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>
/// The moving anchor: an exponential average of the policy's weights (BOND algorithm 2), theta_anchor = (1-eta) theta_anchor + eta theta. Owns its module;
/// used from the training thread.
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

    public void Update(PolicyModule policy, double eta)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var (average, current) in Module.parameters().Zip(policy.parameters()))
        {
            if (eta == 1)
            {
                average.copy_(current);
            }
            else
            {
                average.mul_(1 - eta).add_(current, alpha: eta);
            }
        }
    }

    public void Dispose() => Module.Dispose();
}
