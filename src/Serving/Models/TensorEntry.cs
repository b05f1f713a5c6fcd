namespace Serving.Models;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Name">Hugging Face tensor name.</param>
/// <param name="DType">F32, F16 or BF16.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Bytes.</param>
public sealed record TensorEntry(string Name, string DType, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>Number of values.</summary>
    public long Count => Shape.Contains(0) ? 0 : Shape.Aggregate(1L, (product, dimension) => checked(product * dimension));
}
