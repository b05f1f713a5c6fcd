using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Loop;

public sealed class PolicyDivergenceTests
{
    private const double Temperature = .8;

    private static readonly (int[] Prompt, int[] Answer)[] _samples =
        [.. Enumerable.Range(0, 19).Select(i => (Enumerable.Range(5, 3 + (i % 4)).ToArray(), Enumerable.Range(40 + i, 1 + (i % 5)).ToArray()))];

    [Fact]
    public void It_is_the_sum_over_the_vocabulary_of_every_token_of_every_answer()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(Traffic.Config, 1);
        using var start = new PolicyModule(Traffic.Config, 2);
        using (no_grad())
        {
            policy.Embedding.mul_(5);
            start.Embedding.mul_(5);
        }

        var (divergence, entropy) = PolicyDivergence.Of(policy, start, _samples, Temperature);

        for (var i = 0; i < _samples.Length; i++)
        {
            var (prompt, answer) = _samples[i];
            var ids = tensor([.. prompt.Concat(answer).Select(id => (long)id)], [1, prompt.Length + answer.Length]);
            var (own, other) = (Distributions(policy, ids), Distributions(start, ids));
            var (kl, bits) = (0.0, 0.0);
            for (var t = prompt.Length - 1; t < prompt.Length + answer.Length - 1; t++)
            {
                for (var v = 0; v < Traffic.Config.VocabularySize; v++)
                {
                    var p = Math.Exp(own[t, v]);
                    kl += p * (own[t, v] - other[t, v]);
                    bits -= p * own[t, v] / answer.Length;
                }
            }

            Assert.True(kl > .01);
            Assert.Equal(kl, divergence[i], 1e-3 * kl);
            Assert.Equal(bits, entropy[i], 1e-4 * bits);
        }
    }

    [Fact]
    public void A_policy_has_not_gone_from_itself()
    {
        using var policy = new PolicyModule(Traffic.Config, 1) { ComputeType = ScalarType.BFloat16 };

        var (divergence, _) = PolicyDivergence.Of(policy, policy, _samples, Temperature);

        Assert.All(divergence, value => Assert.Equal(0, value, 1e-6));
        Assert.Equal(ScalarType.BFloat16, policy.ComputeType);
    }

    private static double[,] Distributions(PolicyModule policy, Tensor ids)
    {
        var logProbs = (policy.Logits(ids).to(ScalarType.Float64) / Temperature).log_softmax(-1);
        var (rows, columns) = ((int)logProbs.shape[1], (int)logProbs.shape[2]);
        var flat = logProbs.data<double>().ToArray();
        var table = new double[rows, columns];
        Buffer.BlockCopy(flat, 0, table, 0, sizeof(double) * flat.Length);
        return table;
    }
}
