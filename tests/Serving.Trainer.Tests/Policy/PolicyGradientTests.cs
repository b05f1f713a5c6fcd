using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

/// <summary>Gradients of a loss through <see cref="PolicyModule.TokenLogProbs"/>, of every family, in double precision.</summary>
public sealed class PolicyGradientTests
{
    private const double Step = 1e-5;

    public static TheoryData<string, DecoderConfig> Families => new(FamilyCheckpoints.All
        .Where(sample => !sample.What.Contains("BF16", StringComparison.Ordinal))
        .Select(sample => (sample.What, sample.Config with
        {
            VocabularySize = 40,
            HiddenSize = 16,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 1,
            HeadDimension = 8,
            IntermediateSize = 24,
        })));

    [Theory]
    [MemberData(nameof(Families))]
    public void Gradients_equal_finite_differences(string what, DecoderConfig config)
    {
        foreach (var checkpointing in new[] { false, true })
        {
            using var scope = NewDisposeScope();
            using var policy = Policy(config);
            policy.GradientCheckpointing = checkpointing;
            var ids = Ids(config);
            Tensor Loss() => policy.TokenLogProbs(ids).square().mean();
            Loss().backward();
            foreach (var (name, parameter) in policy.named_parameters())
            {
                using var quiet = no_grad();
                var flat = parameter.view(-1);
                foreach (var at in new[] { 0, parameter.numel() / 3, parameter.numel() - 1 })
                {
                    var value = flat[at].item<double>();
                    flat[at] = value + Step;
                    var above = Loss().item<double>();
                    flat[at] = value - Step;
                    var below = Loss().item<double>();
                    flat[at] = value;

                    var expected = (above - below) / (2 * Step);
                    var actual = parameter.grad!.view(-1)[at].item<double>();
                    Assert.True(
                        Math.Abs(expected - actual) < 1e-7 + (1e-5 * Math.Abs(expected)),
                        $"{what}, checkpointing {checkpointing}, {name}[{at}]: {actual} instead of {expected}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Layers_computed_again_give_the_same_bits(string what, DecoderConfig config)
    {
        using var scope = NewDisposeScope();
        using var kept = Policy(config, ScalarType.Float32);
        using var recomputed = Policy(config, ScalarType.Float32);
        recomputed.GradientCheckpointing = true;
        var ids = Ids(config);
        Tensor[] Run(PolicyModule policy)
        {
            var loss = policy.TokenLogProbs(ids).mean();
            loss.backward();
            return [loss, .. policy.parameters().Select(parameter => parameter.grad!)];
        }

        Assert.All(Run(kept).Zip(Run(recomputed)), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>(), what));
    }

    [Fact]
    public void Answers_that_share_a_prompt_can_be_computed_again_too()
    {
        using var scope = NewDisposeScope();
        using var policy = Policy(Families.Last().Data.Item2);
        var ids = Ids(policy.Config);
        var positions = arange(9, ScalarType.Int64).expand(2, 9);
        var mask = ones(9, 9, ScalarType.Bool).tril().expand(2, 1, 9, 9);
        Tensor Gradient(bool checkpointing)
        {
            policy.GradientCheckpointing = checkpointing;
            policy.zero_grad();
            policy.forward(ids, positions, mask).square().sum().backward();
            return policy.Layers[0].QueryKeyValue.grad!.clone();
        }

        Assert.True(Gradient(false).equal(Gradient(true)).all().item<bool>());
    }

    /// <summary>Random weights whose norms and biases are not 1 and 0.</summary>
    private static PolicyModule Policy(DecoderConfig config, ScalarType precision = ScalarType.Float64)
    {
        var policy = new PolicyModule(config, seed: 5, precision);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var generator = new Generator(6);
        foreach (var parameter in policy.parameters())
        {
            parameter.add_(randn(parameter.shape, precision, generator: generator), alpha: 0.1);
        }

        return policy;
    }

    private static Tensor Ids(DecoderConfig config)
    {
        using var generator = new Generator(7);
        return randint(4, config.VocabularySize, [2, 9], ScalarType.Int64, generator: generator);
    }
}
