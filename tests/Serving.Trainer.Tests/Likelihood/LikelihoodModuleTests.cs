using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Serving.Tokenization;
using Serving.Trainer.Likelihood;
using Serving.Trainer.Policy;
using Serving.Trainer.ScorerTraining;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Likelihood;

public sealed class LikelihoodModuleTests : IDisposable
{
    private static readonly int[] _long = [.. Enumerable.Range(0, 60).Select(i => 10 + (i * 37 % 240))];
    private static readonly int[] _short = [50, 61, 72, 83, 94];

    private readonly TemporaryFolder _folder = new();
    private readonly LikelihoodConfig _config = TinyLikelihood.Config(TinyScorer.EntailmentLabels);
    private readonly PairEncoder _encoder;
    private readonly DisposeScope _scope = NewDisposeScope();

    public LikelihoodModuleTests()
    {
        TinyLikelihood.Write(_folder.Path, _config);
        _encoder = new PairEncoder(TextTokenizer.Load(_folder.Path), _config);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Answers_that_share_their_source_get_the_logits_that_they_get_in_rows_of_their_own()
    {
        using var scorer = LikelihoodWeights.Load(_folder.Path);
        var builder = new LikelihoodBatchBuilder(_encoder);
        (int[], IReadOnlyList<int[]>)[] groups = [(_long, [[10, 47, 200], [], [201, 202, 203, 204, 205, 84]]), (_short, [[61, 230], [72]])];

        using var batch = builder.Build(groups);
        var shared = scorer.forward(batch);

        EncodedPair[] pairs = [.. groups.SelectMany(group => group.Item2.Select(answer => _encoder.Pack(group.Item1, answer)))];
        var alone = Forward(scorer, pairs);
        Assert.Equal(2, batch.Ids.shape[0]);
        Assert.Equal([5L, 2L], shared.shape);
        Assert.True((alone.amax([0]) - alone.amin([0])).min().item<float>() > 0.1f, "The logits are too alike to tell anything.");
        AssertClose(alone, shared, 1e-5f);
    }

    public static TheoryData<DecoderConfig> Decoders =>
    [
        TinyPolicy.Config,
        TinyPolicy.Config with { TieEmbeddings = false, KeyValueHeads = 4 },
        TinyPolicy.Config with { Family = ModelFamily.Qwen3 },
        TinyPolicy.Config with { Family = ModelFamily.Qwen2 },
        TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.GeluTanh },
    ];

    [Theory]
    [MemberData(nameof(Decoders))]
    public void A_random_scorer_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime(DecoderConfig decoder)
    {
        var store = new ModelStore(_folder.File("models"), TimeProvider.System);

        AssertSameLogits(TinyLikelihood.Publish(store, "entailment", TinyLikelihood.Config(TinyScorer.EntailmentLabels, decoder), seed: 3));
    }

    [Fact]
    public void Every_shipped_scorer_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime()
    {
        Assert.All(ShippedModels.Scorers(likelihood: true), AssertSameLogits);
    }

    [Fact]
    public void Log_probs_are_those_of_the_policy_with_the_source_and_without()
    {
        using var policy = PolicyWeights.Load(Policy());
        using var scorer = LikelihoodWeights.Load(_folder.Path);
        int[] answer = [50, 200, 83, 231];
        using var batch = new LikelihoodBatchBuilder(_encoder).Build([(_short, [[72], answer])]);

        var (with, without) = scorer.LogProbs(batch);

        AssertClose(LogProbsOf(policy, [1, .. _short, 3, .. answer, 2], last: 5), with.narrow(0, 2, 5), 1e-5f);
        AssertClose(LogProbsOf(policy, [1, 3, .. answer, 2], last: 5), without.narrow(0, 2, 5), 1e-5f);
        Assert.Equal([1f, 0f, 1f, 0f, 1f, 0f, 0f], batch.Overlap.ToFloats());
    }

    [Fact]
    public void Padding_changes_no_logit()
    {
        using var scorer = LikelihoodWeights.Load(_folder.Path);
        var pair = _encoder.Pack(_short, [61, 230]);

        var alone = Forward(scorer, [pair]);
        var padded = Forward(scorer, [pair, _encoder.Pack(_long, _short)]).narrow(0, 0, 1);

        AssertClose(alone, padded, 1e-5f);
    }

    [Fact]
    public void A_source_is_cut_to_what_fits_beside_its_longest_answer()
    {
        int[] source = [.. Enumerable.Repeat(_long, 3).SelectMany(ids => ids)];
        int[] answer = [.. _short, .. _short];
        var room = _config.Decoder.MaxPositions - 6 - (2 * answer.Length);

        var pairs = new LikelihoodBatchBuilder(_encoder).Pack(source, [[61], answer]);
        using var batch = LikelihoodBatchBuilder.Build(pairs);
        using var apart = LikelihoodBatchBuilder.Build([_encoder.Pack(source, [61]), _encoder.Pack(source, answer)]);

        Assert.All(pairs, pair => Assert.Equal(source[..room], pair.Ids[1..(room + 1)]));
        Assert.Equal(_config.Decoder.MaxPositions, pairs[1].Length);
        Assert.Equal(1, batch.Ids.shape[0]);
        Assert.Equal(2, apart.Ids.shape[0]);
    }

    [Fact]
    public void Rows_that_were_packed_for_another_kind_of_scorer_are_refused()
    {
        using var scorer = LikelihoodWeights.Load(_folder.Path);
        var other = new PairEncoder(TextTokenizer.Load(_folder.Path), TinyScorer.Config(TinyScorer.RewardLabels));

        Assert.Contains("PairEncoder", Assert.Throws<ArgumentException>(() => Forward(scorer, [other.Pack(_short, [61])])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Written_weights_are_the_same_bits_when_read_again()
    {
        using var scorer = LikelihoodWeights.Load(_folder.Path);
        var before = File.ReadAllBytes(_folder.File(ModelFiles.Weights));
        Directory.CreateDirectory(_folder.File("written"));

        LikelihoodWeights.Write(scorer, _folder.File("written"));

        Assert.Equal(before, File.ReadAllBytes(_folder.File("written/" + ModelFiles.Weights)));
        Assert.Equal(File.ReadAllBytes(_folder.File(ModelFiles.Config)), File.ReadAllBytes(_folder.File("written/" + ModelFiles.Config)));
        Assert.Equal(File.ReadAllBytes(_folder.File(ModelFiles.Graph)), File.ReadAllBytes(_folder.File("written/" + ModelFiles.Graph)));
    }

    [Fact]
    public void A_scorer_that_starts_from_a_policy_keeps_its_weights_and_favours_likely_answers()
    {
        var policy = PolicyWeights.Load(Policy());
        var parameters = policy.parameters().Sum(parameter => parameter.numel());
        using var scorer = LikelihoodModule.FromPolicy(policy, TinyScorer.EntailmentLabels, headSize: 16, seed: 5);
        using var again = LikelihoodModule.FromPolicy(PolicyWeights.Load(Policy()), TinyScorer.EntailmentLabels, headSize: 16, seed: 5);

        Assert.Equal(parameters, scorer.DecoderParameters.Sum(parameter => parameter.numel()));
        Assert.Equal((16 * (128 + 6)) + 16 + (16 * (32 + 5)) + 16 + (2 * (48 + 5)) + 2, scorer.HeadParameters.Sum(parameter => parameter.numel()));
        Assert.Equal(scorer.parameters().Count(), scorer.DecoderParameters.Count() + scorer.HeadParameters.Count());
        Assert.Equal(scorer.TokenWeight.ToFloats(), again.TokenWeight.ToFloats());
        Assert.Equal(0.5f, scorer.LabelWeight[1, 32].item<float>());
        Assert.Equal(0.5f, scorer.LabelWeight[1, 34].item<float>());
        Assert.True(scorer.LabelWeight[0].abs().max().item<float>() < 0.2f);
    }

    [Fact]
    public void Gradients_of_decoder_and_head_equal_finite_differences_in_double()
    {
        var decoder = TinyPolicy.Config with { Layers = 1, HiddenSize = 32, Heads = 2, KeyValueHeads = 1 };
        using var scorer = LikelihoodModule.FromPolicy(new PolicyModule(decoder, seed: 5, ScalarType.Float64), TinyScorer.RewardLabels, headSize: 6, seed: 5);
        using var batch = new LikelihoodBatchBuilder(_encoder).Build([(_short, [[61, 230], [72]])]);
        Tensor Loss() => (scorer.forward(batch) * tensor(new[] { 1.0, -0.4 }).unsqueeze(1)).sum();
        Loss().backward();
        const double step = 1e-5;
        foreach (var (name, parameter) in scorer.named_parameters())
        {
            using var quiet = no_grad();
            var flat = parameter.view(-1);
            var at = parameter.numel() / 2;
            var value = flat[at].item<double>();
            flat[at] = value + step;
            var above = Loss().item<double>();
            flat[at] = value - step;
            var below = Loss().item<double>();
            flat[at] = value;

            Assert.True(Math.Abs(((above - below) / (2 * step)) - parameter.grad!.view(-1)[at].item<double>()) < 1e-7, name);
        }
    }

    /// <summary>A policy of the same weights as the scorer's decoder.</summary>
    private string Policy()
    {
        TinyPolicy.Write(_folder.File("policy"));
        return _folder.File("policy");
    }

    private static Tensor LogProbsOf(PolicyModule policy, int[] tokens, int last)
    {
        var logProbs = policy.TokenLogProbs(tensor(tokens.Select(token => (long)token).ToArray()).unsqueeze(0)).squeeze(0);
        return logProbs.narrow(0, logProbs.shape[0] - last, last);
    }

    private static Tensor Forward(LikelihoodModule scorer, IReadOnlyList<EncodedPair> pairs)
    {
        var batch = PairBatch.Of(pairs, scorer.Config.PadTokenId);
        return scorer.forward(batch.IdTensor(), batch.TypeTensor(), batch.MaskTensor());
    }

    private void AssertSameLogits(ModelFolder folder)
    {
        using var scorer = LikelihoodWeights.Load(folder.Path);
        using var served = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 4);
        EncodedPair[] pairs = [_encoder.Pack(_long, [10, 47, 200, 83, 231]), _encoder.Pack(_long.AsSpan(0, 55), [61, 230, 12, 84, 99, 100, 84])];

        var trained = Forward(scorer, pairs).ToFloats();
        var run = served.Run(pairs).SelectMany(logits => logits).ToArray();

        Assert.True(trained.Max() - trained.Min() > 0.01f, "The logits are too alike to tell anything.");
        Assert.All(trained.Zip(run), logit => Assert.Equal(logit.First, logit.Second, 1e-4f));
    }

    private static void AssertClose(Tensor expected, Tensor actual, float tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        var largest = (expected - actual).abs().max().item<float>();
        Assert.True(largest < tolerance, $"They differ by {largest:g3}.");
    }
}
