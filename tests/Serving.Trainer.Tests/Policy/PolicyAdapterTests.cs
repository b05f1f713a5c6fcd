using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

public sealed class PolicyAdapterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void A_policy_with_new_adapters_has_the_same_logits_to_the_bit()
    {
        using var scope = NewDisposeScope();
        using var plain = new PolicyModule(TinyPolicy.Config, seed: 3);
        using var adapted = new PolicyModule(TinyPolicy.Config, seed: 3);
        adapted.Adapt(rank: 4, alpha: 8, seed: 1);

        Assert.True(plain.Logits(Ids()).equal(adapted.Logits(Ids())).all().item<bool>());
        Assert.Equal(2 * 4 * 2, adapted.Trained.Count);                  // A and B of four matrices in two layers
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_moves_the_adapters_and_nothing_else(bool checkpointing)
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        var before = policy.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter.ToFloats());
        policy.Adapt(rank: 4, alpha: 8, seed: 1);
        policy.GradientCheckpointing = checkpointing;
        var start = policy.Trained.Select(parameter => parameter.ToFloats()).ToArray();

        Train(policy, steps: 3);

        var names = policy.named_parameters().Where(pair => !pair.parameter.requires_grad).ToArray();
        Assert.Equal(before.Count, names.Length);
        Assert.All(names, pair => Assert.Equal(before[pair.name], pair.parameter.ToFloats()));
        Assert.All(policy.Trained.Zip(start), pair => Assert.NotEqual(pair.Second, pair.First.ToFloats()));
    }

    [Theory]
    [InlineData(ModelFamily.Llama)]
    [InlineData(ModelFamily.Qwen2)]
    [InlineData(ModelFamily.Qwen3)]
    public void What_is_written_is_a_plain_checkpoint_of_the_same_logits(ModelFamily family)
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config with { Family = family }, seed: 3);
        policy.Adapt(rank: 4, alpha: 8, seed: 1);
        Train(policy, steps: 5);
        var expected = policy.Logits(Ids());
        Directory.CreateDirectory(_folder.Path);

        PolicyWeights.Write(policy, _folder.Path);

        using var back = PolicyWeights.Load(_folder.Path);
        Assert.False(back.Adapted);
        Assert.InRange((back.Logits(Ids()) - expected).abs().max().item<float>(), 0, 1e-5f);
        using var file = SafetensorsFile.Open(_folder.File(ModelFiles.Weights));
        Assert.Equal(DecoderTensors.Of(policy.Config).Select(tensor => tensor.Name).Order(), file.Tensors.Keys.Order());
    }

    [Fact]
    public void Adapters_and_optimiser_saved_and_restored_go_on_with_the_same_bits()
    {
        using var scope = NewDisposeScope();
        using var whole = new PolicyModule(TinyPolicy.Config, seed: 3);
        whole.Adapt(rank: 2, alpha: 8, seed: 1);
        Train(whole, steps: 2);
        Directory.CreateDirectory(_folder.Path);
        AdapterWeights.Write(whole, _folder.File("adapters"));

        using var resumed = new PolicyModule(TinyPolicy.Config, seed: 3);
        resumed.Adapt(rank: 2, alpha: 8, seed: 9);
        using (var file = SafetensorsFile.Open(_folder.File("adapters")))
        {
            AdapterWeights.Read(file, resumed);
        }

        Train(whole, steps: 2);
        Train(resumed, steps: 2);
        Assert.All(whole.Trained.Zip(resumed.Trained), pair => Assert.Equal(pair.First.ToFloats(), pair.Second.ToFloats()));
    }

    /// <summary>Half of the way to two different products is half of each, which halves of A and B would not multiply to.</summary>
    [Fact]
    public void The_moving_anchor_averages_merged_weights()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        using var start = new PolicyModule(TinyPolicy.Config, seed: 3);
        policy.Adapt(rank: 2, alpha: 8, seed: 1);
        using var anchor = new AnchorAverage(policy);
        Train(policy, steps: 4);

        anchor.Update(policy, .5);

        using var merged = policy.Merged();
        var expected = (start.Layers[0].QueryKeyValue + merged.Layers[0].QueryKeyValue) / 2;
        Assert.False(anchor.Module.Adapted);
        Assert.InRange((anchor.Module.Layers[0].QueryKeyValue - expected).abs().max().item<float>(), 0, 1e-7f);
        Assert.True((merged.Layers[0].QueryKeyValue - start.Layers[0].QueryKeyValue).abs().max().item<float>() > 1e-3f);
    }

    public void Dispose() => _folder.Dispose();

    private static void Train(PolicyModule policy, int steps)
    {
        using var optimizer = optim.AdamW(policy.Trained, 1e-2);
        var gradients = new GradientStep(policy.Trained, optimizer, clipNorm: 1);
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            gradients.Begin(1e-2);
            GradientStep.Add(policy.TokenLogProbs(Ids()).mean().neg());
            gradients.Apply();
        }
    }

    private static Tensor Ids()
    {
        using var generator = new Generator(7);
        return randint(4, TinyPolicy.Config.VocabularySize, [2, 17], ScalarType.Int64, generator: generator);
    }
}
