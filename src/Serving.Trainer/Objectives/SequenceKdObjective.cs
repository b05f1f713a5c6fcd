using Serving.Trainer.Data;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Sequence-level distillation: supervised training on the logged answers as they were drawn, whatever their rank, so forward KL to the policy that drew them.
/// </summary>
public sealed class SequenceKdObjective : IObjective
{
    public string Name => "seqkd";

    public ObjectiveNeeds Needs => ObjectiveNeeds.LoggedGroups;

    /// <summary>- the mean of log pi(y) over the logged answers, a best one that was drawn on top left out.</summary>
    public Tensor Loss(ObjectiveInputs inputs)
    {
        var drawn = inputs.Batch.Entries.Select(entry => entry.Candidate.Source == CandidateSource.Logged && (entry.Uniform || entry.Others == 0)).ToArray();
        var share = 1.0 / Math.Max(1, drawn.Count(used => used));
        var loss = BonSftLoss.Weighted(inputs.LogProbs, inputs.Row(drawn.Select(used => used ? share : 0)));
        inputs.Report("seqkd", loss);
        return loss;
    }
}
