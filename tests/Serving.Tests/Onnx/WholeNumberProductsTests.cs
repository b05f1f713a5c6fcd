using System.Runtime.Intrinsics.X86;
using Serving.Onnx;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class WholeNumberProductsTests
{
    [Fact]
    public void The_largest_weight_is_one_of_the_two_that_are_known_to_be_exact() =>
        Assert.Contains(WholeNumberProducts.LargestWeight, new[] { 63, 127 });

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
