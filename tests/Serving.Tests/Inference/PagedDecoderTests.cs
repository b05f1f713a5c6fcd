using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class PagedDecoderTests(PolicyFixture policy) : IClassFixture<PolicyFixture>
{
    [Fact]
    public void A_small_policy_in_8_bits_runs_on_one_thread_unless_told_otherwise()
    {
        var small = TinyPolicy.Config;
        var large = small with { HiddenSize = 4096, Layers = 32, IntermediateSize = 11_008 };
        Assert.Equal(1, PagedDecoder.ThreadsFor(small, Precision.Int8, new OnnxOptions()));
        Assert.Equal(3, PagedDecoder.ThreadsFor(small, Precision.Int8, new OnnxOptions { Threads = 3 }));
        Assert.Equal(Environment.ProcessorCount, PagedDecoder.ThreadsFor(small, Precision.Float32, new OnnxOptions()));
        Assert.Equal(Environment.ProcessorCount, PagedDecoder.ThreadsFor(large, Precision.Int8, new OnnxOptions()));
    }

    [Fact]
    public void Candidates_hold_their_prompt_once_and_closed_rows_hold_nothing()
    {
        using var decoder = policy.Decoder(slots: 8, chunk: 64);
        var prompt = PolicyFixture.Prompt(50);
        var row = decoder.Open();
        decoder.Run([new RowTokens(row, prompt.Length)], prompt, [prompt.Length - 1]);
        Assert.Equal(decoder.RowBytes(50), decoder.KeyValueBytes);

        // 48 tokens are whole pages; what follows is each candidate's own.
        int[] candidates = [.. Enumerable.Range(0, 8).Select(_ => decoder.Fork(row, prompt.Length))];
        Assert.Equal(decoder.RowBytes(50) + (8 * decoder.RowBytes(2)), decoder.KeyValueBytes);
        decoder.Close(row);
        Assert.Equal(decoder.RowBytes(48) + (8 * decoder.RowBytes(2)), decoder.KeyValueBytes);
        Array.ForEach(candidates, decoder.Close);
        Assert.Equal(0, decoder.KeyValueBytes);
    }

    [Fact]
    public void Steps_whose_logits_no_buffer_can_hold_are_refused_when_loaded()
    {
        using var folder = new TemporaryFolder();
        (TinyPolicy.Config with { VocabularySize = 300_000 }).Write(folder.Path);
        var refusal = Assert.Throws<ModelException>(
            () => PagedDecoder.Load(folder.Path, new OnnxOptions(), new InferenceOptions { Slots = 256, PrefillChunk = 8192 }));
        Assert.Contains("Inference:PrefillChunk", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_would_reach_beyond_the_decoders_memory_is_refused()
    {
        using var decoder = policy.Decoder(slots: 2, chunk: 64);
        var row = decoder.Open();
        var vocabulary = decoder.VocabularySize;
        Assert.Throws<ArgumentOutOfRangeException>(() => { decoder.Run([new RowTokens(row, 1)], [vocabulary], [0]); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { decoder.Run([new RowTokens(row, 1)], [-1], [0]); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { decoder.Run([new RowTokens(row, 1)], [5], [1]); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { decoder.Run([new RowTokens(row, 1)], [5], []); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { decoder.Run([new RowTokens(row, 67)], new int[67], [0]); });
        Assert.Throws<ArgumentException>(() => { decoder.Run([new RowTokens(row, 2)], [5], [0]); });
        Assert.Throws<ArgumentException>(() => { decoder.Run([new RowTokens(row + 1, 1)], [5], [0]); });
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Fork(row, 1));
        decoder.Close(row);
        Assert.Throws<ArgumentException>(() => decoder.Close(row));
    }
}
