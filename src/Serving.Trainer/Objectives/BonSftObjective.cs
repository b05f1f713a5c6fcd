using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Forward KL to Best-of-n (BOND eq. 12-13; RAFT): -E_(y ~ BoN) log pi(y), the mean over Best-of-n taken exactly over the logged group
/// (<see cref="BestOfNWeights"/>) instead of from its best candidate alone. Sound for a policy of any size that did not draw the candidates,
/// since the data is meant to come from BoN of the policy that did.
/// </summary>
public sealed class BonSftObjective : IObjective
{
    public string Name => "sft";

    public ObjectiveNeeds Needs => ObjectiveNeeds.LoggedGroups;

    /// <summary>- sum over b of w_b log pi(y_b), divided by the groups with quantiles.</summary>
    public Tensor Loss(ObjectiveInputs inputs)
    {
        var entries = inputs.Batch.Entries;
        var groups = entries.Where(entry => entry.BestWeight > 0).Select(entry => entry.Group).Distinct().Count();
        var weights = inputs.Row(entries.Select(entry => entry.BestWeight / Math.Max(1, groups)));       // [B]
        var loss = BonSftLoss.Weighted(inputs.LogProbs, weights);
        inputs.Report("sft", loss);
        return loss;
    }
}
