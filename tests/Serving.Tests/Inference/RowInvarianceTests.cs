using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

/// <summary>
/// The decoder itself: a row's logits are the same bits at every place of every step, whatever its neighbours, the pieces its prompt came in, what it
/// shares with others, and the threads.
/// </summary>
public sealed class RowInvarianceTests : IDisposable
{
    private const int Neighbours = 16;
    private const int Prefix = 53;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig, Precision> Shapes()
    {
        var data = new TheoryData<string, DecoderConfig, Precision>();
        foreach (var precision in Enum.GetValues<Precision>())
        {
            data.Add("tiny", TinyPolicy.Config, precision);
            data.Add("m10", TinyPolicy.Config with { HiddenSize = 320, Heads = 5, KeyValueHeads = 5, HeadDimension = 64, IntermediateSize = 864, VocabularySize = 2048 }, precision);
            data.Add("grouped wide heads", TinyPolicy.Config with { HiddenSize = 256, Heads = 4, KeyValueHeads = 2, HeadDimension = 64, IntermediateSize = 704 }, precision);
            data.Add("very wide heads", TinyPolicy.Config with { HiddenSize = 192, Heads = 2, KeyValueHeads = 1, HeadDimension = 128 }, precision);
            data.Add("odd", TinyPolicy.Config with { HiddenSize = 50, IntermediateSize = 37, VocabularySize = 301 }, precision);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_row_gives_the_same_bits_in_every_step(string why, DecoderConfig config, Precision precision)
    {
        TinyPolicy.Write(_folder.Path, config);
        var random = new Random(4);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];
        var row = Tokens(Prefix + 1);
        var others = Enumerable.Range(0, Neighbours).Select(i => Tokens(3 + (5 * i))).ToArray();
        float[]? expected = null;
        foreach (var threads in new[] { 1, 2, 3 })
        {
            using var decoder = PagedDecoder.Load(_folder.Path, new OnnxOptions { Threads = threads }, new InferenceOptions { Slots = 32, Precision = precision });
            var prompts = new[] { 64, 16, 7 }.Select(piece => Prompt(decoder, row[..Prefix], piece)).ToArray();
            int[] neighbours = [.. others.Select(tokens => Prompt(decoder, tokens, 64))];
            int[] siblings = [.. Enumerable.Range(0, Neighbours).Select(i => decoder.Fork(prompts[0], Prefix - (i % 3)))];
            foreach (var (rows, related) in new[] { (1, false), (2, false), (3, true), (4, false), (5, true), (8, false), (12, true), (16, true), (17, false) })
            {
                foreach (var (place, piece) in new[] { (0, 0), (rows / 2, 1), (rows - 1, 2) })
                {
                    var fork = decoder.Fork(prompts[piece], Prefix);
                    var beside = (related ? siblings : neighbours).Take(rows - 1).Select((origin, i) =>
                        decoder.Fork(origin, related ? Prefix - (i % 3) : others[i].Length)).ToList();
                    beside.Insert(place, fork);
                    var runs = beside.Select(number => new RowTokens(number, 1)).ToArray();
                    int[] tokens = [.. beside.Select(number => number == fork ? row[Prefix] : random.Next(config.VocabularySize))];
                    var logits = decoder.Run(runs, tokens, [.. Enumerable.Range(0, rows)]).Slice(place * config.VocabularySize, config.VocabularySize).ToArray();
                    beside.ForEach(decoder.Close);
                    expected ??= logits;
                    var differing = expected.Zip(logits).Count(pair => pair.First != pair.Second);
                    Assert.True(differing == 0, $"{why}: {differing} logits differ for row {place} of {rows} with {threads} threads, related {related}.");
                }
            }
        }
    }

    /// <summary>A prompt in pieces, each beside a token of another row.</summary>
    private static int Prompt(PagedDecoder decoder, int[] tokens, int piece)
    {
        var row = decoder.Open();
        var other = decoder.Open();
        for (var start = 0; start < tokens.Length; start += piece)
        {
            var part = tokens[start..Math.Min(start + piece, tokens.Length)];
            decoder.Run([new(other, 1), new(row, part.Length)], [5, .. part], [0]);
        }

        decoder.Close(other);
        return row;
    }
}
