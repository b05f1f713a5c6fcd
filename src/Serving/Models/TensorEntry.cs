namespace Serving.Models;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Name">Hugging Face tensor name.</param>
/// <param name="DType">As the file names it; those that are asked for are F32, F16 or BF16.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="Offset">First byte, counted from the start of the file. Any number: the format aligns nothing.</param>
/// <param name="Length">Bytes.</param>
/// <param name="File">The file's name within its folder: of a sharded checkpoint, the shard.</param>
public sealed record TensorEntry(
    string Name, string DType, IReadOnlyList<long> Shape, long Offset, long Length, string File = ModelFiles.Weights)
{
    /// <summary>Number of values.</summary>
    public long Count => Shape.Contains(0) ? 0 : Shape.Aggregate(1L, (product, dimension) => checked(product * dimension));
}
