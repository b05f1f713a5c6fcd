using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// BOND by regression on logged groups: log pi(y) approaches log mu(y) + tau(y), the log-density of Best-of-N_t of the policy mu that drew the
/// candidates. mu is the logged policy, not the one under training: the squared loss needs no importance weights as long as y is an
/// independent draw of mu and log mu its logged sampling log-prob, so a student may be regressed onto its teacher's Best-of-N.
/// Only rows that stand in the batch whatever their rank take part.
/// </summary>
/// <param name="targetCandidates">N_t.</param>
/// <param name="centred">Take the group's mean residual away, so that a student is asked for the right differences and not for its teacher's level.</param>
/// <param name="clip">Where the square turns linear, in nats.</param>
public sealed class RegressionBondObjective(int targetCandidates, bool centred, double clip) : IObjective
{
    public string Name => "regression";

    public ObjectiveNeeds Needs => ObjectiveNeeds.LoggedGroups;

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var entries = inputs.Batch.Entries;
        var rows = Enumerable.Range(0, entries.Count).Where(b => entries[b].Uniform).ToArray();
        if (rows.Length == 0)
        {
            return inputs.LogProbs.sum() * 0;
        }

        var policy = inputs.LogProbs.index_select(0, tensor(rows.Select(b => (long)b).ToArray(), ScalarType.Int64));        // [U]
        var sampled = inputs.Row(rows.Select(b => entries[b].Candidate.SampledLogProb));
        var target = inputs.Row(rows.Select(b => HarmonicQuantile.Target(entries[b].Better, entries[b].Others, targetCandidates)));
        var group = tensor(rows.Select(b => (long)entries[b].Group).ToArray(), ScalarType.Int64);
        var shrink = centred ? inputs.Row(rows.Select(b => entries[b].Others / (entries[b].Others + 1.0))) : null;
        var loss = RegressionBondLoss.Mean(policy, sampled, target, group, inputs.Batch.Groups, shrink, clip);
        inputs.Report("regression", loss);
        inputs.Report("log_ratio", (policy - sampled).mean());
        return loss;
    }
}
