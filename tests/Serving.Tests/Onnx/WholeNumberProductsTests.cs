using System.Runtime.Intrinsics.X86;
using Microsoft.ML.OnnxRuntime;
using Serving.Onnx;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class WholeNumberProductsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    public void Products_of_weights_up_to_the_largest_are_exact(int rows)
    {
        const int Length = 320;
        const int Width = 48;
        var random = new Random(rows);
        var largest = WholeNumberProducts.LargestWeight;
        byte[] left = [.. Enumerable.Range(0, rows * Length).Select(_ => (byte)(random.Next(3) > 0 ? 255 : random.Next(256)))];
        sbyte[] right = [.. Enumerable.Range(0, Length * Width).Select(_ => (sbyte)(random.Next(3) > 0 ? largest : random.Next(-largest, largest + 1)))];
        var graph = new GraphWriter("products");
        graph.Input("a", ElementType.UInt8, "rows", Length);
        graph.Output("product", ElementType.Int32, "rows", Width);
        graph.Constant("weights", right, Length, Width);
        graph.Constant("zero", (ReadOnlySpan<byte>)[128]);
        graph.Node("MatMulInteger", ["a", "weights", "zero"], ["product"]);
        using var session = new InferenceSession(graph.ToBytes());
        using var operand = OrtValue.CreateTensorValueFromMemory(left, [rows, Length]);
        using var run = new RunOptions();
        using var outputs = session.Run(run, ["a"], [operand], ["product"]);

        int[] expected = [.. Enumerable.Range(0, rows * Width).Select(i =>
            Enumerable.Range(0, Length).Sum(k => (left[(i / Width * Length) + k] - 128) * right[(k * Width) + (i % Width)]))];
        Assert.Equal(expected, outputs[0].GetTensorDataAsSpan<int>().ToArray());
    }

    [Fact]
    public void A_machine_with_wide_vectors_multiplies_all_weights_exactly()
    {
        if (!Avx512Vbmi.IsSupported)
        {
            Assert.Skip("This machine has no AVX-512 VBMI, and so perhaps no VNNI.");
        }

        Assert.Equal(127, WholeNumberProducts.LargestWeight);
    }
}
