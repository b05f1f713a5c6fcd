using Serving.Trainer.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// BOND with N + k + 1 answers per prompt (arXiv:2407.14622): one of the policy; N of the anchor, whose best one is learnt from; k more of the anchor, which tell the quantile
/// of the policy's answer. The dear reference that the cheaper objectives are compared with. The anchor is the reference, replaced now and then in iterated BOND.
/// </summary>
/// <param name="candidates">N.</param>
/// <param name="draws">k.</param>
/// <param name="beta">Weight of the backward divergence in J_beta.</param>
/// <param name="clip">Bound on the advantage, in nats.</param>
public sealed class FullBondObjective(int candidates, int draws, double beta, double clip) : IObjective
{
    public string Name => "full-bond";

    public ObjectiveNeeds Needs => ObjectiveNeeds.PolicySamples | ObjectiveNeeds.AnchorSamples;

    public FreshAnswers Fresh => new(1, candidates + draws);

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var (samples, bests, logWeights) = (new List<long>(), new List<long>(), new List<double>());
        foreach (var group in inputs.Batch.Entries.Select((entry, row) => (entry, row)).GroupBy(pair => pair.entry.Group))
        {
            var anchors = group.Where(pair => pair.entry.Candidate.Source == CandidateSource.Anchor).ToArray();
            if (anchors.Length < candidates + draws)
            {
                continue;        // a logged group
            }

            var policy = group.First(pair => pair.entry.Candidate.Source == CandidateSource.Policy);
            var best = anchors[0];
            foreach (var other in anchors[1..candidates])
            {
                best = other.entry.Candidate.IsBetterThan(best.entry.Candidate) ? other : best;
            }

            var better = anchors[candidates..(candidates + draws)].Count(other => other.entry.Candidate.IsBetterThan(policy.entry.Candidate));
            samples.Add(policy.row);
            bests.Add(best.row);
            logWeights.Add((candidates - 1) * HarmonicQuantile.LogQuantile(better, draws));
        }

        var rows = tensor(samples.ToArray(), ScalarType.Int64);
        var policyLogProbs = inputs.LogProbs.index_select(0, rows);                                             // [P]
        var anchorLogProbs = inputs.AnchorLogProbs.index_select(0, rows);                                       // [P]
        var bestLogProbs = inputs.LogProbs.index_select(0, tensor(bests.ToArray(), ScalarType.Int64));          // [P]
        var loss = FullBondLoss.Mean(policyLogProbs, anchorLogProbs, bestLogProbs, inputs.Row(logWeights), beta, clip);
        inputs.Report("full_bond", loss);
        inputs.Report("full_bond_log_quantile", inputs.Row(logWeights).mean() / Math.Max(1, candidates - 1));
        inputs.Report("full_bond_kl_to_anchor", (policyLogProbs - anchorLogProbs).mean());
        return loss;
    }
}
