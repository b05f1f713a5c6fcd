using Serving.Trainer.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// BoNBoN on logged groups: the best and the worst of the candidates that stand in the batch whatever their rank, n being how many those are. Valid, like the
/// regression, for any policy that drew them independently.
/// </summary>
/// <param name="alpha">Share of the supervised part.</param>
public sealed class BonBonObjective(double alpha) : IObjective
{
    public string Name => "bonbon";

    public ObjectiveNeeds Needs => ObjectiveNeeds.LoggedGroups;

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var (bests, worsts, betas) = (new List<long>(), new List<long>(), new List<double>());
        foreach (var group in inputs.Batch.Entries.Select((entry, row) => (entry, row)).Where(pair => pair.entry.Uniform).GroupBy(pair => pair.entry.Group))
        {
            var ranked = group.OrderBy(pair => pair.entry.Better).ToArray();
            if (ranked.Length > 1)
            {
                bests.Add(ranked[0].row);
                worsts.Add(ranked[^1].row);
                betas.Add(BonBonLoss.Beta(ranked.Length));
            }
        }

        if (bests.Count == 0)
        {
            return inputs.LogProbs.sum() * 0;
        }

        var (best, worst) = (Of(bests), Of(worsts));
        var (sampledBest, sampledWorst) = (Sampled(bests), Sampled(worsts));
        var loss = BonBonLoss.PerGroup(best, worst, sampledBest, sampledWorst, inputs.Row(betas), alpha).mean();
        inputs.Report("bonbon", loss);
        inputs.Report("bonbon_margin", (best - sampledBest - (worst - sampledWorst)).mean());
        return loss;

        Tensor Of(List<long> rows) => inputs.LogProbs.index_select(0, tensor(rows.ToArray(), ScalarType.Int64));                          // [G]

        Tensor Sampled(List<long> rows) => inputs.Row(rows.Select(row => inputs.Batch.Entries[(int)row].Candidate.SampledLogProb));       // [G]
    }
}
