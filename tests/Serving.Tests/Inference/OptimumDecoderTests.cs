using Microsoft.ML.OnnxRuntime;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Serving.Tokenization;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class OptimumDecoderTests : IDisposable
{
    private const int Seed = 5;

    private static readonly OnnxOptions _onnx = new() { Threads = 1 };
    private static readonly InferenceOptions _options = new() { Slots = 4, PrefillChunk = 64 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig, OptimumExport.Variant> Exports => new()
    {
        { "llama", TinyPolicy.Config, new() },
        { "llama, no position_ids", TinyPolicy.Config with { TieEmbeddings = false }, new(Positions: false) },
        { "llama, sizes left open, one key head", TinyPolicy.Config with { KeyValueHeads = 1 }, new(Symbolic: true) },
        { "llama 3", TinyPolicy.Config with { RopeScaling = new() { Kind = RopeScalingKind.Llama3, Factor = 8, OriginalMaxPositions = 256 } }, new() },
        { "llama with biases, linear scaling", TinyPolicy.Config with { OutputBias = true, RopeScaling = new() { Kind = RopeScalingKind.Linear, Factor = 2 } }, new() },
        { "qwen2", TinyPolicy.Config with { Family = ModelFamily.Qwen2 }, new(Symbolic: true) },
        { "qwen3", TinyPolicy.Config with { Family = ModelFamily.Qwen3, HeadDimension = 32 }, new() },
        { "gemma", TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.GeluTanh }, new(Positions: false) },
        { "gemma, erf", TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.Gelu }, new() },
    };

    [Theory]
    [MemberData(nameof(Exports))]
    public void Prefill_chunks_and_ragged_decoding_equal_the_reference(string what, DecoderConfig config, OptimumExport.Variant variant) =>
        CheckAll(what, config, variant, 1e-4);

    [Fact]
    public void Keys_values_and_logits_in_half_precision_are_read_as_such() =>
        CheckAll("half", TinyPolicy.Config with { TieEmbeddings = false }, new(Half: true), 0.05);

    [Fact]
    public void A_fork_begins_with_what_it_was_forked_from_and_leaves_it_alone()
    {
        Write(TinyPolicy.Config);
        using var decoder = Load();
        int[] tokens = Tokens(30), others = [.. Tokens(30).Reverse()];
        var straight = Last(decoder, decoder.Open(), tokens);

        var prompt = decoder.Open();
        Last(decoder, prompt, tokens.AsSpan(0, 20));
        var (branch, again) = (decoder.Fork(prompt, 20), decoder.Fork(prompt, 12));
        Last(decoder, branch, others.AsSpan(0, 8));
        AssertClose(straight, Last(decoder, again, tokens.AsSpan(12)));
        AssertClose(straight, Last(decoder, prompt, tokens.AsSpan(20)));

        // A row that is closed and opened again remembers nothing.
        decoder.Close(branch);
        Assert.Equal(branch, decoder.Open());
        Assert.Equal(straight, Last(decoder, branch, tokens));
    }

    [Fact]
    public void A_row_has_the_same_bits_whatever_its_neighbours()
    {
        Write(TinyPolicy.Config);
        using var decoder = Load();
        var tokens = Tokens(40);
        var prompt = decoder.Open();
        Last(decoder, prompt, tokens);
        var row = decoder.Fork(prompt, 25);
        var alone = Last(decoder, row, [7]);
        decoder.Close(row);

        int[] rows = [decoder.Fork(prompt, 3), decoder.Fork(prompt, 25)];
        var together = decoder.Run([new(rows[0], 1), new(rows[1], 1), new(prompt, 2)], [9, 7, 300, 11], [3, 1]);

        Assert.Equal(alone, together.Slice(decoder.VocabularySize, decoder.VocabularySize).ToArray());
    }

    [Fact]
    public async Task An_engine_samples_the_same_candidates_alone_and_in_a_batch()
    {
        Write(TinyPolicy.Config);
        var tokenizer = TextTokenizer.Load(_folder.Path);
        using var engine = new PolicyEngine(OptimumDecoder.Load(_folder.Path, _onnx, _options), _options, TinyPolicy.Config.EosTokenIds, tokenizer.BytesOf);
        var sampling = new SamplingParameters { MaxTokens = 10, Seed = 3, IgnoreEos = true };
        int[] prompt = [TinyPolicy.Bos, .. Tokens(20)];
        var token = TestContext.Current.CancellationToken;

        var candidates = await engine.SampleAsync(new SampleRequest(prompt, sampling, 6), null, token);

        var reference = new DecoderReference(TinyPolicy.Config, TinyPolicy.Weights(TinyPolicy.Config, Seed));
        for (var k = 0; k < candidates.Length; k++)
        {
            var alone = Assert.Single(await engine.SampleAsync(new SampleRequest(prompt, sampling, 1, k), null, token));
            Assert.Equal(candidates[k].Tokens, alone.Tokens);
            Assert.Equal(candidates[k].LogProbs, alone.LogProbs);
            var logits = reference.Logits([.. prompt, .. candidates[k].Tokens]);
            for (var i = 0; i < candidates[k].Tokens.Length; i++)
            {
                Assert.Equal(DecoderReference.LogProbs(logits[prompt.Length - 1 + i])[candidates[k].Tokens[i]], candidates[k].LogProbs[i], 1e-4);
            }
        }

        Assert.True(candidates.Select(candidate => string.Join(' ', candidate.Tokens)).Distinct().Count() > 3);
    }

    [Fact]
    public void Only_graphs_of_others_match()
    {
        Write(TinyPolicy.Config);
        using (var theirs = OnnxModel.Load(_folder.File(ModelFiles.Graph), _onnx))
        {
            Assert.True(OptimumDecoder.Matches(theirs));
        }

        TinyPolicy.Write(_folder.Path);
        using var ours = OnnxModel.Load(_folder.File(ModelFiles.Graph), _onnx);
        Assert.False(OptimumDecoder.Matches(ours));
        Refused("the graph has an input \"seqlens_k\" that a decoder of 2 layers in optimum's convention does not have");
    }

    [Theory]
    [InlineData(3, 2, 16, 320, "the graph has no \"past_key_values.2.key\"")]
    [InlineData(1, 2, 16, 320, "the graph has an input \"past_key_values.1.key\" that a decoder of 1 layers in optimum's convention does not have")]
    [InlineData(2, 4, 16, 320, "dimension 1 of \"past_key_values.0.key\" is 2, but config.json beside it calls for 4 (num_key_value_heads)")]
    [InlineData(2, 2, 32, 320, "dimension 3 of \"past_key_values.0.key\" is 16, but config.json beside it calls for 32 (head_dim)")]
    [InlineData(2, 2, 16, 400, "dimension 2 of \"logits\" is 320, but config.json beside it calls for 400 (vocab_size)")]
    public void A_graph_of_another_config_is_refused(int layers, int keyHeads, int head, int vocabulary, string reason)
    {
        Write(TinyPolicy.Config);
        (TinyPolicy.Config with { Layers = layers, KeyValueHeads = keyHeads, HeadDimension = head, VocabularySize = vocabulary }).Write(_folder.Path);

        Refused(reason);
    }

    [Fact]
    public void A_graph_of_other_types_or_ranks_or_without_a_part_is_refused()
    {
        TinyPolicy.Config.Write(_folder.Path);
        Save("logits", ElementType.Float, ElementType.Int32, 3);
        Refused("\"input_ids\" is Int32, not Int64");
        Save("logits", ElementType.Float, ElementType.Int64, 2);
        Refused("\"logits\" has 2 dimensions, not 3");
        Save("logits", ElementType.Int64, ElementType.Int64, 3);
        Refused("\"logits\" is Int64, not Float or Float16");
        Save("scores", ElementType.Float, ElementType.Int64, 3);
        Refused("the graph has no \"logits\"");
    }

    [Fact]
    public void A_present_of_another_length_than_bound_is_an_error_and_the_slot_stays_as_it_was()
    {
        TinyPolicy.Config.Write(_folder.Path);
        Save("logits", ElementType.Float, ElementType.Int64, 3);
        using var decoder = Load();

        // This graph gives the past back as it came, and as many rows of logits as a vocabulary of 320 needs tokens.
        var row = decoder.Open();
        Assert.Throws<OnnxRuntimeException>(() => decoder.Run([new(row, 64)], Tokens(64), [0]).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Fork(row, 1));
    }

    [Fact]
    public void Missing_files_are_named()
    {
        Assert.Contains("config.json: no such file", Assert.Throws<ModelConfigException>(Load).Message, StringComparison.Ordinal);
        TinyPolicy.Config.Write(_folder.Path);
        Assert.Contains("model.onnx: no such file", Assert.Throws<ModelException>(Load).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder.File(ModelFiles.Graph), "not protobuf");
        Assert.Contains("ONNX Runtime cannot load it", Assert.Throws<ModelException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_outside_a_slots_bounds_are_refused_before_native_code_sees_them()
    {
        Write(TinyPolicy.Config);
        using var decoder = Load();
        var row = decoder.Open();
        Last(decoder, row, Tokens(5));

        Assert.Throws<ArgumentException>(() => decoder.Run([new(row + 1, 1)], [1], [0]).Length);
        Assert.Throws<ArgumentException>(() => decoder.Run([new(-1, 1)], [1], [0]).Length);
        Assert.Throws<ArgumentException>(() => decoder.Close(row + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Fork(row, 6));                                       // holds 5
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 69)], Tokens(69), [0]).Length);        // a step is 4 + 64
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 2)], Tokens(3), [0]).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 0)], [], []).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 2)], Tokens(2), [2]).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 2)], Tokens(2), []).Length);
        Last(decoder, row, Tokens(60));
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 64)], Tokens(64), [0]).Length);        // the context is 128
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Run([new(row, 32), new(row, 32)], Tokens(64), [0]).Length);
        for (var i = 1; i < decoder.Rows; i++)
        {
            decoder.Open();
        }

        Assert.Throws<InvalidOperationException>(() => decoder.Open());
    }

    private void CheckAll(string what, DecoderConfig config, OptimumExport.Variant variant, double tolerance)
    {
        Write(config, variant);
        using var decoder = Load();

        var differences = DecoderCheck.Differences(decoder, config, TinyPolicy.Weights(config, Seed));

        Assert.All(differences, check => Assert.True(check.Difference < tolerance, $"{what}, {check.What}: {check.Difference:g3}"));
    }

    private void Write(DecoderConfig config, OptimumExport.Variant? variant = null)
    {
        HubFolder.Write(_folder.Path, config, Seed);
        OptimumExport.Write(_folder.Path, config, TinyPolicy.Weights(config, Seed), variant);
        File.Delete(_folder.File(ModelFiles.Weights));           // such folders hold the weights within the graph
    }

    /// <summary>A graph with the right names around no computation.</summary>
    private void Save(string output, ElementType outputType, ElementType idType, int rank)
    {
        var graph = new GraphWriter("shell");
        graph.Input("input_ids", idType, "batch", "sequence");
        graph.Input("attention_mask", ElementType.Int64, "batch", "total");
        graph.Output(output, outputType, [.. new object[] { "batch", "sequence", 320 }[..rank]]);
        graph.Node("Cast", ["input_ids"], ["cast"], attributes: [("to", (long)outputType)]);
        graph.Node("Reshape", ["cast", graph.Constant("shape", new long[] { 1, -1, 320 }.AsSpan(0, rank), rank)], [output]);
        for (var i = 0; i < 2; i++)
        {
            foreach (var part in (string[])["key", "value"])
            {
                graph.Input($"past_key_values.{i}.{part}", ElementType.Float, "batch", 2, "past", 16);
                graph.Output($"present.{i}.{part}", ElementType.Float, "batch", 2, "past", 16);
                graph.Node("Identity", [$"past_key_values.{i}.{part}"], [$"present.{i}.{part}"]);
            }
        }

        graph.Save(_folder.File(ModelFiles.Graph));
    }

    private static float[] Last(OptimumDecoder decoder, int row, ReadOnlySpan<int> tokens) =>
        decoder.Run([new(row, tokens.Length)], tokens, [tokens.Length - 1]).ToArray();

    private static void AssertClose(float[] expected, float[] found) =>
        Assert.Equal(expected, found, (left, right) => Math.Abs(left - right) < 1e-4);

    private OptimumDecoder Load() => OptimumDecoder.Load(_folder.Path, _onnx, _options);

    private void Refused(string reason)
    {
        var e = Assert.Throws<ModelException>(Load);
        Assert.StartsWith(_folder.File(ModelFiles.Graph), e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    private static int[] Tokens(int count)
    {
        var random = new Random(17);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(TinyPolicy.Config.VocabularySize))];
    }
}
