using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed unsafe class RotaryTableTests
{
    [Theory]
    [InlineData(16)]
    [InlineData(48)]
    [InlineData(64)]
    [InlineData(128)]
    public void Pairs_turn_by_position_times_frequency_as_in_double_precision(int width)
    {
        const int Positions = 4096;
        var half = width / 2;
        var frequencies = Enumerable.Range(0, half).Select(i => Math.Pow(10_000, -2.0 * i / width)).ToArray();
        using var table = new RotaryTable(frequencies, Positions);
        var random = new Random(width);
        foreach (var position in new[] { 0, 1, 2, 17, 1000, Positions - 1 })
        {
            float[] head = [.. Enumerable.Range(0, width).Select(_ => (4 * random.NextSingle()) - 2)];
            var turned = (float[])head.Clone();
            fixed (float* memory = turned)
            {
                table.Rotate(memory, position);
            }

            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = Math.SinCos(position * frequencies[i]);
                Assert.Equal((head[i] * cos) - (head[half + i] * sin), turned[i], 1e-6);
                Assert.Equal((head[half + i] * cos) + (head[i] * sin), turned[half + i], 1e-6);
            }
        }
    }

    [Fact]
    public void Position_0_changes_nothing()
    {
        using var table = new RotaryTable([.. Enumerable.Repeat(1.0, 16)], 1);
        float[] head = [.. Enumerable.Range(0, 32).Select(i => i - 7.3f)];
        var turned = (float[])head.Clone();
        fixed (float* memory = turned)
        {
            table.Rotate(memory, 0);
        }

        Assert.Equal(head, turned);
    }
}
