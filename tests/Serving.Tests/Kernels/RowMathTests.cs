using Serving.Kernels;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed unsafe class RowMathTests
{
    /// <summary>Below, at and above one and two vectors, and rows of real sizes.</summary>
    public static TheoryData<int> Lengths => [1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 63, 65, 320, 865];

    private static readonly Func<double, double> _silu = x => x / (1 + Math.Exp(-x));
    private static readonly Func<double, double> _tanhGelu = x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_norm_divides_by_the_root_of_the_mean_square(int length)
    {
        var (source, scale) = (Row(length, 3), Row(length, 1));
        var target = Run(source, scale, (a, b, t) => RowMath.Norm(a, b, 1e-5f, length, t));

        var root = Math.Sqrt(source.Average(x => (double)x * x) + 1e-5);
        Close(source.Select((x, i) => x / root * scale[i]), target, 1e-6);
    }

    [Fact]
    public void A_norm_of_zeros_is_zero_and_may_be_taken_in_place()
    {
        var zeros = new float[40];
        Assert.All(Run(zeros, Row(40, 1), (a, b, t) => RowMath.Norm(a, b, 1e-6f, 40, t)), value => Assert.Equal(0, value));

        var (row, scale) = (Row(40, 2), Row(40, 1));
        var apart = Run(row, scale, (a, b, t) => RowMath.Norm(a, b, 1e-6f, 40, t));
        fixed (float* inPlace = row, scales = scale)
        {
            RowMath.Norm(inPlace, scales, 1e-6f, 40, inPlace);
        }

        Assert.Equal(apart, row);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Gates_are_their_functions_times_the_other_half(int length)
    {
        var (gate, up) = (Row(length, 6), Row(length, 2));

        Close(gate.Select((x, i) => _silu(x) * up[i]), Run(gate, up, (a, b, t) => RowMath.SiluGate(a, b, t, length)), 2e-6);
        Close(gate.Select((x, i) => _tanhGelu(x) * up[i]), Run(gate, up, (a, b, t) => RowMath.GeluGate(a, b, t, length)), 3e-6);
        Close(gate.Select((x, i) => EncoderReference.Gelu(x) * up[i]), Run(gate, up, (a, b, t) => RowMath.ExactGeluGate(a, b, t, length)), 3e-6);
    }

    [Fact]
    public void Gates_are_accurate_over_their_whole_range_and_finite_far_outside()
    {
        float[] gate = [.. Enumerable.Range(-12_000, 24_001).Select(i => i / 1000f)];
        var ones = Enumerable.Repeat(1f, gate.Length).ToArray();

        Close(gate.Select(x => _silu(x)), Run(gate, ones, (a, b, t) => RowMath.SiluGate(a, b, t, gate.Length)), 1e-6);
        Close(gate.Select(x => _tanhGelu(x)), Run(gate, ones, (a, b, t) => RowMath.GeluGate(a, b, t, gate.Length)), 1e-6);
        Close(gate.Select(x => EncoderReference.Gelu(x)), Run(gate, ones, (a, b, t) => RowMath.ExactGeluGate(a, b, t, gate.Length)), 1e-6);

        float[] far = [.. Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? 1 : -1) * MathF.Pow(10, 1.5f + i))];
        float[] expected = [.. far.Select(x => Math.Max(x, 0))];
        foreach (var gated in new[]
        {
            Run(far, ones, (a, b, t) => RowMath.SiluGate(a, b, t, far.Length)),
            Run(far, ones, (a, b, t) => RowMath.GeluGate(a, b, t, far.Length)),
            Run(far, ones, (a, b, t) => RowMath.ExactGeluGate(a, b, t, far.Length)),
        })
        {
            Close(expected.Select(x => (double)x), gated, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Sums_and_multiples_are_exact(int length)
    {
        var (left, right) = (Row(length, 1), Row(length, 1));

        Assert.Equal(left.Zip(right, (a, b) => a + b), Run(left, right, (a, b, t) =>
        {
            RowMath.Scale(a, 1, t, length);
            RowMath.Add(b, t, length);
        }));
        Assert.Equal(left.Select(value => value * 0.37f), Run(left, right, (a, _, t) => RowMath.Scale(a, 0.37f, t, length)));
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(208)]
    public void Exponentials_are_those_of_the_distances_to_the_largest_and_masked_scores_weigh_nothing(int padded)
    {
        var scores = Row(padded, 25);
        for (var i = padded - 5; i < padded; i++)
        {
            scores[i] = float.NegativeInfinity;
        }

        var weights = (float[])scores.Clone();
        float sum;
        fixed (float* memory = weights)
        {
            sum = RowMath.Exponentials(memory, padded);
        }

        var expected = scores.Select(score => Math.Exp(score - scores.Max())).ToArray();         // of the difference in fp32
        Assert.All(expected.Zip(weights), pair => Assert.Equal(pair.First, pair.Second, pair.First * 1e-6));
        Assert.All(weights[^5..], weight => Assert.Equal(0, weight));
        Assert.Equal(1, weights.Max());
        Assert.Equal(expected.Sum(), sum, expected.Sum() * 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(40)]
    public void A_score_that_is_not_a_number_makes_the_sum_none_instead_of_vanishing(int place)
    {
        var scores = Row(48, 3);
        scores[place] = float.NaN;
        fixed (float* memory = scores)
        {
            Assert.Equal(float.NaN, RowMath.Exponentials(memory, 48));
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_row_has_the_same_bits_wherever_it_lies_and_whatever_lies_beside_it(int length)
    {
        var (a, b) = (Row(length, 4), Row(length, 2));
        var padded = (length + 15) / 16 * 16;
        Kernel[] kernels =
        [
            (x, y, t) => RowMath.Norm(x, y, 1e-5f, length, t),
            (x, y, t) => RowMath.SiluGate(x, y, t, length),
            (x, y, t) => RowMath.GeluGate(x, y, t, length),
            (x, y, t) => RowMath.ExactGeluGate(x, y, t, length),
            (x, _, t) =>
            {
                var levels = stackalloc byte[length];
                var scale = RowMath.Quantize(x, levels, length);
                for (var i = 0; i < length; i++)
                {
                    t[i] = levels[i] + scale;
                }
            },
            (x, _, t) =>
            {
                for (var i = 0; i < padded; i++)
                {
                    t[i] = i < length ? x[i] : float.NegativeInfinity;
                }

                t[0] = RowMath.Exponentials(t, padded);
            },
        ];
        foreach (var kernel in kernels)
        {
            var straight = Run(a, b, kernel);
            for (var offset = 1; offset <= 17; offset += 4)
            {
                Assert.Equal(straight, Run(a, b, kernel, offset, noise: offset));
            }
        }
    }

    private delegate void Kernel(float* first, float* second, float* target);

    /// <summary>Runs a kernel over copies that begin <paramref name="offset"/> values into memory full of noise.</summary>
    private static float[] Run(float[] first, float[] second, Kernel kernel, int offset = 0, float noise = float.NaN)
    {
        var length = first.Length;
        float[][] memory = [new float[length + 64], new float[length + 64], new float[(2 * length) + 64]];
        Array.ForEach(memory, part => Array.Fill(part, noise));
        first.CopyTo(memory[0], offset);
        second.AsSpan(0, length).CopyTo(memory[1].AsSpan(offset));
        fixed (float* a = memory[0], b = memory[1], target = memory[2])
        {
            kernel(a + offset, b + offset, target + offset);
        }

        return memory[2][offset..(offset + length)];
    }

    internal static float[] Row(int length, float size)
    {
        var random = new Random(length + (int)Math.Min(size, 1000));
        return [.. Enumerable.Range(0, length).Select(_ => ((2 * random.NextSingle()) - 1) * size)];
    }

    /// <summary>Within the tolerance, or within that part of a value larger than 1.</summary>
    internal static void Close(IEnumerable<double> expected, float[] actual, double tolerance) => Assert.All(
        expected.Zip(actual),
        pair => Assert.True(
            Math.Abs(pair.First - pair.Second) <= tolerance * Math.Max(1, Math.Abs(pair.First)), $"{pair.Second} instead of {pair.First}."));
}
