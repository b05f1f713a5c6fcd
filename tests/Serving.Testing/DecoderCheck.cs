using Serving.Inference;
using Serving.Models;

namespace Serving.Testing;

/// <summary>
/// Takes a decoder through everything that an engine does with rows, and compares every logit with the reference: a prompt in one step, in uneven chunks
/// beside another row, and forks of several lengths that decode together while a prompt goes on beside them.
/// </summary>
public static class DecoderCheck
{
    private const int Length = 48;

    /// <summary>The largest differences, by what was done. The decoder needs five rows, steps of 48 tokens and a context of as many.</summary>
    public static IReadOnlyList<(string What, double Difference)> Differences(IDecoder decoder, DecoderConfig config, IReadOnlyList<NamedTensor> weights)
    {
        var random = new Random(29);
        int[] tokens = [.. Enumerable.Range(0, Length).Select(_ => random.Next(config.VocabularySize))];
        int[] others = [.. Enumerable.Range(0, Length).Select(_ => random.Next(config.VocabularySize))];
        var reference = new DecoderReference(config, weights);
        var (expected, expectedOthers) = (reference.Logits(tokens), reference.Logits(others));
        if (expected.Max(row => row.Max()) < 2)
        {
            throw new InvalidOperationException("The logits are too small to tell anything.");
        }

        var differences = new List<(string, double)>();
        var whole = decoder.Open();
        Compare("a whole prompt", decoder.Run([new(whole, Length)], tokens, [.. Enumerable.Range(0, Length)]), expected);
        decoder.Close(whole);

        var prompt = decoder.Open();
        Compare("a first chunk", decoder.Run([new(prompt, 11)], tokens.AsSpan(0, 11), [0, 4, 10]), [expected[0], expected[4], expected[10]]);
        Compare("a chunk of one", decoder.Run([new(prompt, 1)], tokens.AsSpan(11, 1), [0]), [expected[11]]);
        var other = decoder.Open();
        Compare(
            "a chunk beside another row",
            decoder.Run([new(other, 9), new(prompt, 28)], [.. others[..9], .. tokens[12..40]], [8, 9, 36]),
            [expectedOthers[8], expected[12], expected[39]]);

        // Rows of different lengths: row r goes on after 31 + 4r tokens of the prompt.
        int[] forks = [decoder.Fork(prompt, 31), decoder.Fork(prompt, 35), decoder.Fork(prompt, 39)];
        decoder.Close(prompt);
        for (var step = 0; step < 8; step++)
        {
            int[] lengths = [31 + step, 35 + step, 39 + step];
            RowTokens[] runs = [.. forks.Select(row => new RowTokens(row, 1)), new(other, 3)];
            int[] stepTokens = [.. lengths.Select(length => tokens[length]), .. others[(9 + (3 * step))..(12 + (3 * step))]];
            double[][] rows = [.. lengths.Select(length => expected[length]), expectedOthers[11 + (3 * step)]];
            Compare($"decoding, step {step}", decoder.Run(runs, stepTokens, [0, 1, 2, 5]), rows);
        }

        // A piece without logits after a longer one with some.
        Array.ForEach(forks, decoder.Close);
        decoder.Close(other);
        var (left, right) = (decoder.Open(), decoder.Open());
        decoder.Run([new(left, 12)], tokens.AsSpan(0, 12), [11]);
        Compare(
            "a piece without logits beside another row",
            decoder.Run([new(left, 2), new(right, 4)], [.. tokens[12..14], .. others[..4]], [5]),
            [expectedOthers[3]]);
        decoder.Close(left);
        decoder.Close(right);
        return differences;

        void Compare(string what, ReadOnlySpan<float> logits, double[][] rows)
        {
            var worst = logits.Length == rows.Length * config.VocabularySize ? 0 : double.PositiveInfinity;
            for (var i = 0; i < logits.Length && worst < double.PositiveInfinity; i++)
            {
                var difference = Math.Abs(rows[i / config.VocabularySize][i % config.VocabularySize] - logits[i]);
                worst = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(worst, difference);
            }

            differences.Add((what, worst));
        }
    }
}
