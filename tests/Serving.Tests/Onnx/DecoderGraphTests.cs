using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class DecoderGraphTests : IDisposable
{
    private static readonly OnnxOptions _oneThread = new() { Threads = 1 };
    private static readonly InferenceOptions _options = new() { Slots = 4 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig> Shapes => new()
    {
        { "grouped queries", TinyPolicy.Config },
        { "a key head per query head", TinyPolicy.Config with { KeyValueHeads = 4 } },
        { "one key head, own output matrix", TinyPolicy.Config with { KeyValueHeads = 1, TieEmbeddings = false } },
        { "heads wider than the stream, other constants", TinyPolicy.Config with { HeadDimension = 32, RopeTheta = 500_000, NormEpsilon = 1e-3 } },
        { "one layer of odd sizes", TinyPolicy.Config with { Layers = 1, HiddenSize = 50, IntermediateSize = 37, VocabularySize = 301 } },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_graph_computes_the_reference_at_every_position(string why, DecoderConfig config)
    {
        TinyPolicy.Write(_folder.Path, config, seed: 3);
        var tokens = Tokens(config, 40);
        var expected = new DecoderReference(config, TinyPolicy.Weights(config, 3)).Logits(tokens);

        using var decoder = OnnxDecoder.Load(_folder.Path, _oneThread, _options);
        var logits = Logits(decoder, tokens);

        Assert.True(expected.Max(row => row.Max()) > 2, $"{why}: the logits are too small to tell anything.");
        AssertClose(expected, logits, config.VocabularySize, 1e-4);
    }

    [Fact]
    public void Weights_in_another_writers_order_give_the_same_logits()
    {
        TinyPolicy.Write(_folder.Path);
        var tokens = Tokens(TinyPolicy.Config, 12);
        float[] ours;
        using (var decoder = OnnxDecoder.Load(_folder.Path, _oneThread, _options))
        {
            ours = Logits(decoder, tokens).ToArray();
        }

        // Sorted by name, k, o, q and v lie side by side, so nothing of attention can be packed.
        var sorted = TinyPolicy.Weights(TinyPolicy.Config, 1).OrderBy(tensor => tensor.Name, StringComparer.Ordinal).ToArray();
        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), sorted);
        DecoderGraph.Write(_folder.Path);

        using var other = OnnxDecoder.Load(_folder.Path, _oneThread, _options);
        var theirs = Logits(other, tokens);
        for (var i = 0; i < ours.Length; i++)
        {
            Assert.Equal(ours[i], theirs[i], 1e-5);
        }
    }

    [Fact]
    public void A_missing_a_misshapen_and_a_half_precision_tensor_are_named()
    {
        TinyPolicy.Write(_folder.Path);
        var weights = TinyPolicy.Weights(TinyPolicy.Config, 1);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), [.. weights.Where(tensor => !tensor.Name.Contains("layers.1.mlp.up_proj", StringComparison.Ordinal))]);
        Assert.Contains("model.layers.1.mlp.up_proj.weight", Assert.Throws<ModelWeightsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), weights);
        (TinyPolicy.Config with { KeyValueHeads = 4 }).Write(_folder.Path);
        Assert.Contains("k_proj.weight\" has shape [32, 64]", Assert.Throws<ModelWeightsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);

        TinyPolicy.Config.Write(_folder.Path);
        var header = """{"model.embed_tokens.weight":{"dtype":"BF16","shape":[320,64],"data_offsets":[0,40960]}}"""u8;
        File.WriteAllBytes(_folder.File(ModelFiles.Weights), [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[40960]]);
        Assert.Contains("BF16", Assert.Throws<ModelWeightsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_another_config_is_refused()
    {
        TinyPolicy.Write(_folder.Path);
        (TinyPolicy.Config with { Layers = 1 }).Write(_folder.Path);
        Assert.Contains(ModelFiles.Graph, Assert.Throws<ModelException>(() => OnnxDecoder.Load(_folder.Path, _oneThread, _options)).Message, StringComparison.Ordinal);
    }

    private static ReadOnlySpan<float> Logits(OnnxDecoder decoder, int[] tokens) =>
        decoder.Run([new RowTokens(decoder.Open(), tokens.Length)], tokens, [.. Enumerable.Range(0, tokens.Length)]);

    private static int[] Tokens(DecoderConfig config, int count)
    {
        var random = new Random(17);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];
    }

    private static void AssertClose(double[][] expected, ReadOnlySpan<float> logits, int vocabulary, double tolerance)
    {
        Assert.Equal(expected.Length * vocabulary, logits.Length);
        var worst = 0.0;
        for (var i = 0; i < logits.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(expected[i / vocabulary][i % vocabulary] - logits[i]));
        }

        Assert.True(worst < tolerance, $"Logits differ by {worst:g3}.");
    }
}
