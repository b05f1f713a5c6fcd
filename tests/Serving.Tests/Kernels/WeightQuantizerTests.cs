using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed unsafe class WeightQuantizerTests
{
    private const sbyte Untouched = 77;

    [Theory]
    [InlineData(1, 1, 127)]
    [InlineData(3, 64, 127)]
    [InlineData(64, 50, 63)]
    [InlineData(65, 17, 127)]
    [InlineData(200, 96, 63)]
    public void Levels_stand_within_half_a_step_of_the_weights_and_in_their_columns_only(int outputs, int inputs, int largest)
    {
        const int Column = 5;
        var stride = outputs + 9;
        var random = new Random(outputs);
        float[] weights = [.. Enumerable.Range(0, outputs * inputs).Select(i => ((2 * random.NextSingle()) - 1) * MathF.Pow(10, (i / inputs % 7) - 3))];
        var (levels, scales) = (Enumerable.Repeat(Untouched, inputs * stride).ToArray(), new float[outputs]);
        fixed (sbyte* target = levels)
        {
            WeightQuantizer.Quantize(weights, outputs, inputs, largest, target, stride, Column, scales);
        }

        for (var n = 0; n < outputs; n++)
        {
            var row = weights[(n * inputs)..((n + 1) * inputs)];
            Assert.Equal(row.Max(MathF.Abs) / largest, scales[n]);
            var mine = Enumerable.Range(0, inputs).Select(k => levels[(k * stride) + Column + n]).ToArray();
            Assert.Equal(largest, mine.Max(level => Math.Abs((int)level)));
            Assert.All(row.Zip(mine), pair => Assert.True(Math.Abs(pair.First - (pair.Second * scales[n])) <= scales[n] * 0.50002f));
        }

        Assert.All(levels.Index(), level => Assert.True(level.Item == Untouched || (level.Index % stride) - Column is var n && n >= 0 && n < outputs));
    }

    [Fact]
    public void An_output_of_zeros_has_levels_of_zero_and_one_that_is_not_finite_a_scale_that_is_not()
    {
        float[] weights = [0, 0, 0, 1, float.NaN, 2, 3, float.PositiveInfinity, 4];
        var (levels, scales) = (new sbyte[9], new float[3]);
        fixed (sbyte* target = levels)
        {
            WeightQuantizer.Quantize(weights, 3, 3, 127, target, 3, 0, scales);
        }

        Assert.Equal([0, float.NaN, float.PositiveInfinity], scales);
        Assert.Equal([0, 0, 0], [levels[0], levels[3], levels[6]]);
    }
}
