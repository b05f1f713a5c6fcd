using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

/// <summary>The kernels themselves: a row's logits are the same bits at every place of every batch, whatever its neighbours and the threads.</summary>
public sealed class RowInvarianceTests : IDisposable
{
    private const int Slots = 17;
    private const int Prefix = 29;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig> Shapes => new()
    {
        { "tiny", TinyPolicy.Config },
        { "served", TinyPolicy.Config with { HiddenSize = 320, Heads = 10, KeyValueHeads = 5, HeadDimension = 32, IntermediateSize = 864, VocabularySize = 2048 } },
        { "wide heads", TinyPolicy.Config with { HiddenSize = 256, Heads = 4, KeyValueHeads = 4, HeadDimension = 64, IntermediateSize = 704, VocabularySize = 600 } },
        { "odd", TinyPolicy.Config with { HiddenSize = 50, IntermediateSize = 37, VocabularySize = 301 } },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_row_gives_the_same_bits_in_every_batch(string why, DecoderConfig config)
    {
        TinyPolicy.Write(_folder.Path, config);
        var random = new Random(4);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];
        var row = Tokens(Prefix + 1);
        var neighbours = Enumerable.Range(0, Slots).Select(i => Tokens(3 + (5 * i))).ToArray();
        float[]? expected = null;
        foreach (var threads in new[] { 1, 2, 3 })
        {
            using var decoder = OnnxDecoder.Load(_folder.Path, new OnnxOptions { Threads = threads }, new InferenceOptions { Slots = Slots });
            decoder.Prefill(Slots, row.AsSpan(0, Prefix), 0, 1);
            for (var i = 0; i < Slots; i++)
            {
                decoder.Prefill(i, neighbours[i], 0, 1);
            }

            foreach (var rows in new[] { 1, 2, 3, 4, 5, 7, 8, 12, 16, 17 })
            {
                foreach (var place in new[] { 0, rows / 2, rows - 1 }.Distinct())
                {
                    var tokens = neighbours[..rows].Select(neighbour => neighbour[0]).ToArray();
                    var lengths = neighbours[..rows].Select(neighbour => neighbour.Length).ToArray();
                    decoder.CopySlot(Slots, place, Prefix);
                    (tokens[place], lengths[place]) = (row[Prefix], Prefix);
                    var logits = decoder.Decode(tokens, lengths).Slice(place * config.VocabularySize, config.VocabularySize).ToArray();
                    decoder.Prefill(place, neighbours[place], 0, 1);
                    expected ??= logits;
                    var differing = expected.Zip(logits).Count(pair => pair.First != pair.Second);
                    Assert.True(differing == 0, $"{why}: {differing} logits differ for row {place} of {rows} with {threads} threads.");
                }
            }
        }
    }
}
