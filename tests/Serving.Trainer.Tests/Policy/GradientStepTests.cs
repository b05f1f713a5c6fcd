using Serving.Testing;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

public sealed class GradientStepTests
{
    private const int Rows = 6;

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void Micro_batches_weighted_by_their_tokens_give_the_gradient_of_the_whole_batch(int parts)
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        using var optimizer = optim.SGD(policy.parameters(), 0);
        var (ids, weights) = Batch();
        var step = new GradientStep(policy.Trained, optimizer, clipNorm: 1e9);
        Tensor Loss(Tensor rows, Tensor rowWeights) => (policy.TokenLogProbs(rows).neg() * rowWeights).sum() / rowWeights.sum();

        step.Begin(0);
        GradientStep.Add(Loss(ids, weights));
        var whole = policy.parameters().Select(parameter => parameter.grad!.clone()).ToArray();
        var norm = step.Apply();

        step.Begin(0);
        var total = weights.sum().item<float>();
        for (var part = 0; part < parts; part++)
        {
            var (from, count) = (part * Rows / parts, Rows / parts);
            var partWeights = weights.narrow(0, from, count);
            GradientStep.Add(Loss(ids.narrow(0, from, count), partWeights), partWeights.sum().item<float>() / total);
        }

        Assert.All(policy.parameters().Zip(whole), pair => Assert.InRange((pair.First.grad! - pair.Second).abs().max().item<float>(), 0, 1e-6f));
        Assert.Equal(norm, step.Apply(), 1e-5);
    }

    [Fact]
    public void A_gradient_longer_than_the_clip_is_cut_to_it()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        using var optimizer = optim.SGD(policy.parameters(), 1);
        var step = new GradientStep(policy.Trained, optimizer, clipNorm: 0.25);
        var before = policy.parameters().Select(parameter => parameter.detach().clone()).ToArray();

        step.Begin(1);
        GradientStep.Add(policy.TokenLogProbs(Batch().Ids).sum());
        Assert.True(step.Apply() > 1);

        var moved = policy.parameters().Zip(before, (after, start) => (after - start).square().sum().item<float>()).Sum();
        Assert.Equal(0.25, Math.Sqrt(moved), 1e-3);
    }

    [Fact]
    public void A_gradient_that_is_no_number_moves_nothing()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        using var optimizer = optim.AdamW(policy.parameters(), 1);
        var step = new GradientStep(policy.Trained, optimizer, clipNorm: 1);
        var before = policy.parameters().Select(parameter => parameter.ToFloats()).ToArray();

        step.Begin(1);
        GradientStep.Add(policy.TokenLogProbs(Batch().Ids).sum() * double.NaN);

        Assert.False(double.IsFinite(step.Apply()));
        Assert.Equal(before, policy.parameters().Select(parameter => parameter.ToFloats()));
    }

    [Fact]
    public void Two_hundred_steps_leave_no_tensor_behind()
    {
        using var policy = new PolicyModule(TinyPolicy.Config with { Layers = 1, HiddenSize = 16, VocabularySize = 40 }, seed: 3) { GradientCheckpointing = true };
        using var optimizer = optim.AdamW(policy.parameters(), 1e-3);
        var step = new GradientStep(policy.Trained, optimizer, clipNorm: 1);
        void Run(int steps)
        {
            for (var i = 0; i < steps; i++)
            {
                using var scope = NewDisposeScope();
                policy.GradientCheckpointing = i % 2 == 0;
                step.Begin(1e-3);
                GradientStep.Add(policy.TokenLogProbs(randint(4, 40, [2, 5 + (i % 7)], ScalarType.Int64)).mean().neg());
                step.Apply();
            }
        }

        Run(2);                                                         // the optimiser's state and the gradients
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Run(200);

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static (Tensor Ids, Tensor Weights) Batch()
    {
        using var generator = new Generator(7);
        return (
            randint(4, TinyPolicy.Config.VocabularySize, [Rows, 11], ScalarType.Int64, generator: generator),
            rand([Rows, 10], ScalarType.Float32, generator: generator));
    }
}
