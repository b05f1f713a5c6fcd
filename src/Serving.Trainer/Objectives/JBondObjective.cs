using Serving.Trainer.Data;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// J-BOND, online: per prompt one answer of the policy and two of its moving anchor (<see cref="JBondLoss"/>). The anchor never stops
/// moving by itself, so something outside the loss has to end the run.
/// </summary>
/// <param name="beta">Weight of the backward divergence (0.5 in the paper).</param>
/// <param name="gamma">Weight of the extra divergence from the anchor.</param>
/// <param name="clip">Bound on the advantage, in nats.</param>
public sealed class JBondObjective(double beta, double gamma, double clip) : IObjective
{
    public string Name => "jbond";

    public ObjectiveNeeds Needs => ObjectiveNeeds.PolicySamples | ObjectiveNeeds.AnchorSamples;

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var samples = new List<long>();
        var bests = new List<long>();
        var rewards = new List<double>();
        foreach (var group in inputs.Batch.Entries.Select((entry, row) => (entry, row)).GroupBy(pair => pair.entry.Group))
        {
            var anchors = group.Where(pair => pair.entry.Candidate.Source == CandidateSource.Anchor).ToArray();
            if (anchors.Length < 2)
            {
                continue;        // a logged group
            }

            var policy = group.First(pair => pair.entry.Candidate.Source == CandidateSource.Policy);
            var (first, second) = (anchors[0].entry.Candidate, anchors[1].entry.Candidate);
            samples.Add(policy.row);
            bests.Add(first.IsBetterThan(second) ? anchors[0].row : anchors[1].row);
            rewards.Add(JBondLoss.Reward(first.IsBetterThan(policy.entry.Candidate), second.IsBetterThan(policy.entry.Candidate)));
        }

        var sampleRows = tensor(samples.ToArray(), ScalarType.Int64);
        var policyLogProbs = inputs.LogProbs.index_select(0, sampleRows);                                       // [P]
        var anchorLogProbs = inputs.AnchorLogProbs.index_select(0, sampleRows);                                 // [P]
        var best = inputs.LogProbs.index_select(0, tensor(bests.ToArray(), ScalarType.Int64));                  // [P]
        var reward = inputs.Row(rewards);                                                                       // [P]
        var loss = JBondLoss.Mean(policyLogProbs, anchorLogProbs, best, reward, beta, gamma, clip);
        inputs.Report("jbond", loss);
        inputs.Report("jbond_worse_than_both", reward.lt(0).to_type(policyLogProbs.dtype).mean());
        inputs.Report("jbond_kl_to_anchor", (policyLogProbs - anchorLogProbs).mean());
        return loss;
    }
}
