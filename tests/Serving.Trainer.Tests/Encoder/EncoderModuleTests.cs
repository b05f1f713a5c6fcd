using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Serving.Trainer.Encoder;
using Serving.Trainer.Policy;
using Serving.Trainer.ScorerTraining;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Encoder;

public sealed class EncoderModuleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Every_shipped_scorer_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime()
    {
        Assert.All(ShippedModels.Scorers(likelihood: false), AssertSameLogits);
    }

    [Fact]
    public void A_random_scorer_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime()
    {
        var store = new ModelStore(_folder.Path, TimeProvider.System);

        AssertSameLogits(TinyScorer.Publish(store, "entailment", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 1));
    }

    [Fact]
    public void Padding_changes_no_logit_and_weights_survive_a_round_trip()
    {
        using var scope = NewDisposeScope();
        var folder = TinyScorer.Publish(new ModelStore(_folder.Path, TimeProvider.System), "reward", TinyScorer.Config(TinyScorer.RewardLabels), seed: 1);
        var before = Tensors(folder);
        using var scorer = EncoderWeights.Load(folder.Path);
        var ids = randint(4, 60, [1, 12], ScalarType.Int64);
        var types = zeros_like(ids);
        var alone = scorer.forward(ids, types, ones_like(ids).to(ScalarType.Bool));
        var padding = zeros(1, 9, dtype: ScalarType.Int64);
        var padded = scorer.forward(cat([ids, padding], 1), cat([types, padding], 1), cat([ones_like(ids), padding], 1).to(ScalarType.Bool));

        EncoderWeights.Write(scorer, folder.Path);

        Assert.True((alone - padded).abs().max().item<float>() < 1e-5);
        Assert.Equal(before, Tensors(folder));
    }

    public void Dispose() => _folder.Dispose();

    private static Dictionary<string, float[]> Tensors(ModelFolder folder)
    {
        using var file = SafetensorsFile.Open(folder.File(ModelFiles.Weights));
        return file.Tensors.Keys.ToDictionary(name => name, file.ReadFloats);
    }

    private static void AssertSameLogits(ModelFolder folder)
    {
        using var scope = NewDisposeScope();
        using var scorer = EncoderWeights.Load(folder.Path);
        using var served = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4);
        EncodedPair[] pairs =
        [
            served.Encoder.Encode("Tools for working with trees. They grow, and they can be cut.", "tools for trees"),
            served.Encoder.Encode("A library.", "completely different words, 12 of them"),
        ];
        foreach (var pair in pairs)
        {
            var batch = PairBatch.Of([pair], scorer.Config.PadTokenId);
            var expected = scorer.forward(batch.IdTensor(), batch.TypeTensor(), batch.MaskTensor()).ToFloats();
            var actual = served.Run([pair])[0];

            Assert.Equal(expected.Length, actual.Length);
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.True(Math.Abs(expected[i] - actual[i]) < 1e-4, $"logit {i}: {actual[i]} in ONNX Runtime, {expected[i]} in TorchSharp");
            }
        }
    }
}
