using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

/// <summary>Scorers over a decoder, loaded from the registry and used like those over an encoder.</summary>
public sealed class LikelihoodScorerTests : IDisposable
{
    private const int Rows = 16;
    private const string Source = "A package for reading and writing compressed archives from the command line.";

    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public LikelihoodScorerTests() => _store = new ModelStore(_folder.Path, TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    public static TheoryData<DecoderConfig, int, int> Decoders => new()
    {
        { TinyPolicy.Config, 24, 1 },
        { TinyPolicy.Config with { Family = ModelFamily.Qwen3, TieEmbeddings = false }, 24, 2 },
        { TinyPolicy.Config with { HiddenSize = 192, Heads = 3, KeyValueHeads = 1, HeadDimension = 64, IntermediateSize = 520 }, 128, 2 },
    };

    [Theory]
    [MemberData(nameof(Decoders))]
    public void A_pairs_logits_are_the_same_bits_in_every_batch_at_every_place_and_thread_count(DecoderConfig decoder, int headSize, int labels)
    {
        var config = TinyLikelihood.Config(labels == 1 ? TinyScorer.RewardLabels : TinyScorer.EntailmentLabels, decoder) with { HeadSize = headSize };
        var folder = TinyLikelihood.Publish(_store, "scorer", config, seed: 5);
        using var one = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, Rows);
        using var two = ScorerModel.Load(folder, new OnnxOptions { Threads = 2 }, Rows);
        var random = new Random(11);
        foreach (var (length, answer) in ((int, int)[])[(8, 0), (40, 4), (69, 9), (128, 30)])
        {
            var subject = Pair(one.Encoder, random, length, answer);
            var expected = one.Run([subject])[0];
            Assert.All(expected, logit => Assert.True(float.IsFinite(logit) && logit != 0));
            foreach (var batch in (int[])[1, 2, 3, 5, 8, 13, 16])
            {
                var place = random.Next(batch);
                var pairs = Enumerable.Range(0, batch).Select(i => i == place ? subject : Pair(one.Encoder, random, length, random.Next(answer + 1))).ToArray();

                Assert.Equal(expected, (random.Next(2) == 0 ? one : two).Run(pairs)[place]);
            }
        }
    }

    [Fact]
    public async Task One_serves_as_a_reward()
    {
        var folder = TinyLikelihood.Publish(_store, "reward", TinyLikelihood.Config(TinyScorer.RewardLabels));
        using var model = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4);
        using var reward = new RewardModel(
            "reward", ScorerModel.Load(_store.Find("reward"), new OnnxOptions { Threads = 1 }, maxBatch: 4), maxBatch: 4, queueCapacity: 16);

        var score = await reward.ScoreAsync(Source, "compressed archives", TestContext.Current.CancellationToken);

        Assert.Equal(model.Run([model.Encoder.Encode(Source, "compressed archives")])[0][0], score);
    }

    [Fact]
    public async Task One_serves_as_an_entailment_model_and_reads_a_long_source_in_units()
    {
        var folder = TinyLikelihood.Publish(_store, "entailment", TinyLikelihood.Config(TinyScorer.EntailmentLabels));
        using var model = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4);
        using var entailment = new EntailmentModel(
            "entailment", ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4), maxBatch: 4, queueCapacity: 16);
        var source = string.Join(' ', Enumerable.Range(1, 12).Select(i => $"Sentence {i} converts address books and alias files."));
        var answer = model.Encoder.Tokens("address books");
        var units = SourceUnits.Split(source, model.Encoder, model.Encoder.SourceRoom(answer.Length));

        var report = await entailment.JudgeAsync(source, "address books", TestContext.Current.CancellationToken);
        var endless = string.Join(' ', Enumerable.Repeat("archives and books", 100));
        var tooLong = await entailment.JudgeAsync(Source, endless, TestContext.Current.CancellationToken);

        Assert.InRange(units.Count, 2, 12);
        Assert.Equal(units.Count, report.Sentences[0].Units);
        Assert.All(units, unit => Assert.False(model.Encoder.Pack(unit, answer).SourceCut));
        Assert.True(tooLong.Sentences.Single().Cut);
        Assert.True(float.IsFinite(tooLong.Score));
    }

    [Fact]
    public void A_missing_or_misshapen_tensor_of_the_head_is_named()
    {
        var config = TinyLikelihood.Config(TinyScorer.RewardLabels);
        TinyLikelihood.Write(_folder.Path, config);
        var weights = TinyLikelihood.Weights(config, seed: 1);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), [.. weights.Where(tensor => tensor.Name != "score.label.bias")]);
        var missing = Assert.Throws<ModelWeightsException>(() => LikelihoodGraph.Write(_folder.Path));
        (config with { HeadSize = 32 }).Write(_folder.Path);
        var misshapen = Assert.Throws<ModelWeightsException>(() => LikelihoodGraph.Write(_folder.Path));

        Assert.Contains("\"score.label.bias\" is missing", missing.Message, StringComparison.Ordinal);
        Assert.Contains("\"score.token.weight\" has shape [24, 134]", misshapen.Message, StringComparison.Ordinal);
    }

    /// <summary>A pair of random tokens that pads to the same length as one of <paramref name="longest"/> tokens.</summary>
    private static EncodedPair Pair(PairEncoder encoder, Random random, int longest, int answer)
    {
        var room = longest - encoder.Markers - (2 * answer);
        var source = Math.Max(0, room - random.Next(((longest - 1) % 8) + 1));
        return encoder.Pack(Tokens(source), Tokens(answer));

        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(4, 250))];
    }
}
