using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed unsafe class RowTensorsTests
{
    [Fact]
    public void Rows_of_a_product_are_read_where_they_lie_or_scaled_into_scratch_memory()
    {
        float* values = stackalloc float[] { 1, 2, 3, 4 }, rows = stackalloc float[] { 10, 100 }, columns = stackalloc float[] { 0.5f, 2 };
        var levels = stackalloc int[] { 1, 2, -3, 4 };
        var scratch = stackalloc float[2];

        Assert.True(new ProductRows(values, 2).Read(1, scratch) == values + 2);
        var scaled = new ProductRows(levels, rows, columns, 2);
        Assert.True(scaled.Read(1, scratch) == scratch);
        Assert.Equal([-150, 800], new ReadOnlySpan<float>(scratch, 2).ToArray());

        scaled.CopyTo(0, scratch);
        Assert.Equal([5, 40], new ReadOnlySpan<float>(scratch, 2).ToArray());
        new ProductRows(values, 2).CopyTo(1, scratch);
        Assert.Equal([3, 4], new ReadOnlySpan<float>(scratch, 2).ToArray());
    }

    [Fact]
    public void Rows_for_a_product_are_written_in_place_or_quantised_from_scratch_memory()
    {
        float* values = stackalloc float[4], scratch = stackalloc float[] { -2, 1 }, scales = stackalloc float[2];
        var levels = stackalloc byte[4];
        var plain = new ActivationRows(values, 2);
        Assert.True(plain.Place(1, scratch) == values + 2);
        plain.Commit(1, values + 2);

        var quantised = new ActivationRows(levels, scales, 2);
        Assert.True(quantised.Place(1, scratch) == scratch);
        quantised.Commit(1, scratch);
        Assert.Equal([0, 0, 1, 192], new ReadOnlySpan<byte>(levels, 4).ToArray());
        Assert.Equal(2f / 127, scales[1]);
    }
}
