using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>
/// How far a policy has gone from where it began, on its own samples. Every token's divergence is the exact sum over the vocabulary and not the log-ratio of the
/// token that was drawn (Rao-Blackwellised): the same mean with a fraction of the variance. Used from the training thread.
/// </summary>
internal static class PolicyDivergence
{
    private const int AnswersAtATime = 16;

    /// <summary>By sample: KL(policy || start) of the answer's distribution along it in nats, and the policy's mean entropy per token in nats.</summary>
    /// <param name="samples">Prompts and answers of the policy, end token included.</param>
    /// <param name="temperature">Of the samples; both distributions are taken under it.</param>
    public static (double[] Divergence, double[] Entropy) Of(
        PolicyModule policy, PolicyModule start, IReadOnlyList<(int[] Prompt, int[] Answer)> samples, double temperature)
    {
        using var quiet = no_grad();
        var types = (policy.ComputeType, start.ComputeType);
        (policy.ComputeType, start.ComputeType) = (ScalarType.Float32, ScalarType.Float32);     // bfloat16's noise would count as divergence
        try
        {
            var (divergence, entropy) = (new List<double>(), new List<double>());
            foreach (var some in samples.Chunk(AnswersAtATime))
            {
                Add(policy, start, some, temperature, divergence, entropy);
            }

            return ([.. divergence], [.. entropy]);
        }
        finally
        {
            (policy.ComputeType, start.ComputeType) = types;
        }
    }

    private static void Add(
        PolicyModule policy, PolicyModule start, (int[] Prompt, int[] Answer)[] samples, double temperature, List<double> divergence, List<double> entropy)
    {
        using var scope = NewDisposeScope();
        using var batch = new BatchBuilder(targetCandidates: 2, candidatesPerGroup: 0, seed: 0).Build([.. samples.Select(Group)], 0);
        var (own, other) = (Hidden(policy, batch), Hidden(start, batch));                                        // [R, d]
        var (kl, bits) = (new List<float>(), new List<float>());
        var chunk = ChunkedDivergence.RowsFor(policy);
        for (var first = 0L; first < own.shape[0]; first += chunk)
        {
            using var chunkScope = NewDisposeScope();
            var length = Math.Min(chunk, own.shape[0] - first);
            var logits = policy.Project(own.narrow(0, first, length));                                           // [C, V]
            kl.AddRange(JensenShannon.PerToken(logits, start.Project(other.narrow(0, first, length)), beta: 1, temperature).cpu().data<float>());
            var logProbs = (logits / temperature).log_softmax(-1);
            bits.AddRange((logProbs.exp() * logProbs).sum(-1).neg().cpu().data<float>());
        }

        var at = 0;
        foreach (var (_, answer) in samples)
        {
            divergence.Add(kl.Skip(at).Take(answer.Length).Sum(value => (double)value));
            entropy.Add(bits.Skip(at).Take(answer.Length).Average());
            at += answer.Length;
        }
    }

    private static CandidateGroup Group((int[] Prompt, int[] Answer) sample) => new()
    {
        Id = "",
        Source = "",
        Prompt = sample.Prompt,
        Candidates = [new GroupCandidate(sample.Answer, 0, 0, 0, CandidateSource.Policy)],
        Independent = false,
    };

    private static Tensor Hidden(PolicyModule policy, TokenBatch batch) =>
        policy.forward(batch.Ids, batch.Positions, batch.Mask).reshape(-1, policy.Config.HiddenSize).index_select(0, batch.Rows);
}
