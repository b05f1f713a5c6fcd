using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ScorerModelTests : IDisposable
{
    private const int Rows = 64;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(32, 2, 48, 1, new[] { 3, 21, 96 }, 1)]
    [InlineData(256, 4, 1024, 1, new[] { 37 }, 13)]
    [InlineData(192, 3, 520, 2, new[] { 61 }, 13)]
    public void A_pairs_logits_are_the_same_bits_in_every_batch_at_every_place_and_thread_count(
        int width, int heads, int inner, int labels, int[] lengths, int stride)
    {
        var config = TinyScorer.Config(labels == 1 ? TinyScorer.RewardLabels : TinyScorer.EntailmentLabels) with
        {
            HiddenSize = width,
            Heads = heads,
            IntermediateSize = inner,
        };
        var folder = TinyScorer.Publish(new ModelStore(_folder.Path, TimeProvider.System), "scorer", config, seed: 5);
        using var one = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, Rows);
        using var two = ScorerModel.Load(folder, new OnnxOptions { Threads = 2 }, Rows);
        var random = new Random(11);
        foreach (var length in lengths)
        {
            var subject = Pair(random, config, length, length);
            var expected = one.Run([subject])[0];
            Assert.All(expected, logit => Assert.True(float.IsFinite(logit) && logit != 0));
            for (var batch = 1; batch <= Rows; batch += batch < 10 ? 1 : stride)
            {
                var place = random.Next(batch);
                var pairs = Enumerable.Range(0, batch).Select(i => i == place ? subject : Pair(random, config, length - ((length - 1) % 8), length)).ToArray();

                Assert.Equal(expected, (random.Next(2) == 0 ? one : two).Run(pairs)[place]);
            }
        }
    }

    [Fact]
    public void Logits_of_packed_pairs_equal_a_double_precision_forward_of_their_unpadded_ids()
    {
        var config = TinyScorer.Config(TinyScorer.EntailmentLabels);
        var folder = TinyScorer.Publish(new ModelStore(_folder.Path, TimeProvider.System), "scorer", config, seed: 5);
        using var model = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4);
        var reference = new EncoderReference(config, TinyScorer.Weights(config, seed: 5));
        var pair = model.Encoder.Encode("A package for reading compressed archives", "compressed archives");

        var logits = model.Run([pair])[0];

        var expected = reference.Logits(pair.Ids, [.. pair.Types.Select(type => (int)type)]);
        Assert.Equal(expected[0], logits[0], 1e-4);
        Assert.Equal(expected[1], logits[1], 1e-4);
    }

    [Fact]
    public void A_model_of_another_kind_or_with_a_changed_file_is_refused_by_name()
    {
        var store = new ModelStore(_folder.Path, TimeProvider.System);
        var policy = store.Publish("policy", ModelKind.Policy, folder => TinyScorer.Write(folder, TinyScorer.Config(TinyScorer.RewardLabels), seed: 1));
        var changed = TinyScorer.Publish(store, "reward", TinyScorer.Config(TinyScorer.RewardLabels), seed: 1);
        File.AppendAllText(changed.File(ModelFiles.Config), " ");

        var kind = Assert.Throws<ModelException>(() => ScorerModel.Load(policy, new OnnxOptions(), 1));
        var damaged = Assert.Throws<ManifestException>(() => ScorerModel.Load(changed, new OnnxOptions(), 1));

        Assert.Contains("kind is Policy", kind.Message);
        Assert.Contains("config.json", damaged.Message);
    }

    [Fact]
    public void A_graph_whose_logits_do_not_match_the_labels_is_refused_when_loaded()
    {
        var store = new ModelStore(_folder.Path, TimeProvider.System);
        var folder = store.Publish("reward", ModelKind.Scorer, path =>
        {
            TinyScorer.Write(path, TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 1);
            TinyScorer.Config(TinyScorer.RewardLabels).Write(path);
        });

        var error = Assert.Throws<ModelException>(() => ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, 1));

        Assert.Contains("gives 2 logits per pair, but config.json names 1 labels", error.Message);
    }

    /// <summary>A pair of random tokens that pads to the same length as one of <paramref name="longest"/> tokens.</summary>
    private static EncodedPair Pair(Random random, EncoderConfig config, int shortest, int longest)
    {
        var length = random.Next(Math.Max(1, shortest), longest + 1);
        return new EncodedPair(
            [.. Enumerable.Range(0, length).Select(_ => random.Next(config.VocabularySize))],
            [.. Enumerable.Range(0, length).Select(_ => (byte)random.Next(config.TypeVocabularySize))],
            SourceCut: false, AnswerCut: false);
    }
}
