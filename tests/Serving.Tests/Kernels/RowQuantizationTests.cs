using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed unsafe class RowQuantizationTests
{
    [Theory]
    [MemberData(nameof(RowMathTests.Lengths), MemberType = typeof(RowMathTests))]
    public void Quantised_values_come_back_within_half_a_level(int length)
    {
        var ones = Enumerable.Repeat(1f, length).ToArray();
        foreach (var size in new[] { 1e-30f, 0.01f, 1, 700, 1e30f })
        {
            var row = RowMathTests.Row(length, size);
            var (levels, scale) = Quantize(row);
            var whole = levels.Select(level => level - 128).ToArray();
            var back = new float[length];
            fixed (int* source = whole)
            {
                fixed (float* columns = ones, target = back)
                {
                    RowMath.Dequantize(source, columns, scale, target, length);
                }
            }

            Assert.Equal(row.Max(MathF.Abs) / 127, scale);
            Assert.Equal(127, whole.Max(Math.Abs));
            Assert.All(row.Zip(back), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= scale * 0.50002f, $"{pair.First} came back as {pair.Second}; the scale is {scale}."));
        }
    }

    [Fact]
    public void A_row_of_zeros_has_the_zero_level_and_one_that_is_not_finite_a_scale_that_is_not()
    {
        var (levels, scale) = Quantize(new float[37]);
        Assert.All(levels, level => Assert.Equal(128, level));
        Assert.Equal(0, scale);

        foreach (var place in new[] { 0, 20, 36 })
        {
            var row = RowMathTests.Row(37, 1);
            row[place] = float.NaN;
            Assert.Equal(float.NaN, Quantize(row).Scale);
            row[place] = float.NegativeInfinity;
            Assert.Equal(float.PositiveInfinity, Quantize(row).Scale);
        }
    }

    [Theory]
    [MemberData(nameof(RowMathTests.Lengths), MemberType = typeof(RowMathTests))]
    public void Dequantised_values_carry_the_scales_of_row_and_column(int length)
    {
        var random = new Random(length);
        var source = Enumerable.Range(0, length).Select(_ => random.Next(-2_000_000, 2_000_000)).ToArray();
        var columns = RowMathTests.Row(length, 0.01f);
        var target = new float[length];
        fixed (int* levels = source)
        {
            fixed (float* scales = columns, values = target)
            {
                RowMath.Dequantize(levels, scales, 0.3f, values, length);
            }
        }

        RowMathTests.Close(source.Select((level, i) => level * (double)columns[i] * 0.3f), target, 1e-6);
    }

    private static (byte[] Levels, float Scale) Quantize(float[] row)
    {
        var levels = new byte[row.Length];
        fixed (float* source = row)
        {
            fixed (byte* target = levels)
            {
                return (levels, RowMath.Quantize(source, target, row.Length));
            }
        }
    }
}
