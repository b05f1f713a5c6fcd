using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class DecoderGraphTests : IDisposable
{
    private static readonly OnnxOptions _oneThread = new() { Threads = 1 };
    private static readonly InferenceOptions _options = new() { Slots = 4, PrefillChunk = 64 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig> Shapes => new()
    {
        { "grouped queries", TinyPolicy.Config },
        { "a key head per query head", TinyPolicy.Config with { KeyValueHeads = 4 } },
        { "one key head, own output matrix", TinyPolicy.Config with { KeyValueHeads = 1, TieEmbeddings = false } },
        { "heads wider than the stream, other constants", TinyPolicy.Config with { HeadDimension = 32, RopeTheta = 500_000, NormEpsilon = 1e-3 } },
        { "biases that lie together", TinyPolicy.Config with { Family = ModelFamily.Qwen2, KeyValueHeads = 1 } },
        { "four biases", TinyPolicy.Config with { OutputBias = true } },
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
        var logits = All(decoder, tokens);

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
            ours = All(decoder, tokens);
        }

        // Sorted by name, k, o, q and v lie side by side, so nothing of attention can be packed.
        var sorted = TinyPolicy.Weights(TinyPolicy.Config, 1).OrderBy(tensor => tensor.Name, StringComparer.Ordinal).ToArray();
        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), sorted);
        DecoderGraph.Write(_folder.Path);

        using var other = OnnxDecoder.Load(_folder.Path, _oneThread, _options);
        var theirs = All(other, tokens);
        for (var i = 0; i < ours.Length; i++)
        {
            Assert.Equal(ours[i], theirs[i], 1e-5);
        }
    }

    [Fact]
    public void Prefill_in_chunks_and_decoding_row_by_row_equal_the_reference()
    {
        TinyPolicy.Write(_folder.Path);
        using var decoder = OnnxDecoder.Load(_folder.Path, _oneThread, _options);

        Assert.All(
            DecoderCheck.Differences(decoder, TinyPolicy.Config, TinyPolicy.Weights(TinyPolicy.Config, 1)),
            check => Assert.True(check.Difference < 1e-4, $"{check.What}: {check.Difference:g3}"));
    }

    /// <summary>So their digests stay: whoever trains from them writes the same graph.</summary>
    [Theory]
    [InlineData("anchor")]
    [InlineData("student")]
    public void The_graph_of_a_shipped_policy_is_what_the_writer_writes(string name)
    {
        var shipped = Path.Combine(ModelRoot.Resolve("models", AppContext.BaseDirectory), name, "1");
        foreach (var file in (string[])[ModelFiles.Config, ModelFiles.Weights])
        {
            File.Copy(Path.Combine(shipped, file), _folder.File(file));
        }

        DecoderGraph.Write(_folder.Path);

        Assert.Equal(File.ReadAllBytes(Path.Combine(shipped, ModelFiles.Graph)), File.ReadAllBytes(_folder.File(ModelFiles.Graph)));
    }

    [Theory]
    [InlineData("F16", 1)]
    [InlineData("BF16", 1)]
    [InlineData("BF16", 5)]
    public void Halves_that_lie_together_are_packed_and_widened_and_never_across_two_files(string dtype, int shards)
    {
        var config = TinyPolicy.Config with { OutputBias = true };
        config.Write(_folder.Path);
        var weights = HubFolder.WriteInOrder(_folder.Path, TinyPolicy.Weights(config, 2), dtype, shards);
        DecoderGraph.Write(_folder.Path);
        using var decoder = OnnxDecoder.Load(_folder.Path, _oneThread, _options);

        Assert.Contains("self_attn.qkv.weight.float", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(_folder.File(ModelFiles.Graph))), StringComparison.Ordinal);
        Assert.All(DecoderCheck.Differences(decoder, config, weights), check => Assert.True(check.Difference < 1e-4, $"{check.What}: {check.Difference:g3}"));
    }

    [Fact]
    public void A_context_whose_rotary_table_no_graph_holds_is_refused()
    {
        (TinyPolicy.Config with { MaxPositions = 1 << 24, HeadDimension = 32 }).Write(_folder.Path);
        HubFolder.WriteWeights(_folder.Path, TinyPolicy.Weights(TinyPolicy.Config, 1));

        var refusal = Assert.Throws<ModelConfigException>(() => DecoderGraph.Write(_folder.Path));
        Assert.Contains("max_position_embeddings 16777216", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("8388608 positions fit", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_a_misshapen_and_a_tensor_of_another_type_are_named()
    {
        TinyPolicy.Write(_folder.Path);
        var weights = TinyPolicy.Weights(TinyPolicy.Config, 1);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), [.. weights.Where(tensor => !tensor.Name.Contains("layers.1.mlp.up_proj", StringComparison.Ordinal))]);
        Assert.Contains("model.layers.1.mlp.up_proj.weight", Assert.Throws<ModelWeightsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), weights);
        (TinyPolicy.Config with { KeyValueHeads = 4 }).Write(_folder.Path);
        Assert.Contains("k_proj.weight\" has shape [32, 64]", Assert.Throws<ModelWeightsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);

        TinyPolicy.Config.Write(_folder.Path);
        var header = """{"model.embed_tokens.weight":{"dtype":"I16","shape":[320,64],"data_offsets":[0,40960]}}"""u8;
        File.WriteAllBytes(_folder.File(ModelFiles.Weights), [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[40960]]);
        Assert.Contains("I16", Assert.Throws<SafetensorsException>(() => DecoderGraph.Write(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_another_config_is_refused()
    {
        TinyPolicy.Write(_folder.Path);
        (TinyPolicy.Config with { Layers = 1 }).Write(_folder.Path);
        Assert.Contains(ModelFiles.Graph, Assert.Throws<ModelException>(() => OnnxDecoder.Load(_folder.Path, _oneThread, _options)).Message, StringComparison.Ordinal);
    }

    /// <summary>Logits of every token of a new row.</summary>
    private static float[] All(OnnxDecoder decoder, int[] tokens) =>
        decoder.Run([new RowTokens(decoder.Open(), tokens.Length)], tokens, [.. Enumerable.Range(0, tokens.Length)]).ToArray();

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
