using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Serving.Models;

/// <summary>The dtypes of the safetensors format, and the reading of those that weights have.</summary>
internal static unsafe class TensorTypes
{
    /// <summary>Values widened at once: the second pass over them still finds them in the first-level cache.</summary>
    private const int Chunk = 4096;

    /// <summary>Bytes of one value, or null for a dtype that we do not know.</summary>
    public static int? Width(string dtype) => dtype switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ when dtype.StartsWith("F8_", StringComparison.Ordinal) => 1,
        _ => null,
    };

    /// <summary>Whether <see cref="Widen"/> takes it.</summary>
    public static bool IsWeight(string dtype) => dtype is "F32" or "F16" or "BF16";

    /// <summary>Values as fp32, exactly. The source need not be aligned and may be larger than a span can be.</summary>
    public static void Widen(string dtype, byte* source, Span<float> values)
    {
        var width = Width(dtype)!.Value;
        for (long done = 0; done < values.Length; done += Chunk)
        {
            var part = values[(int)done..(int)Math.Min(values.Length, done + Chunk)];
            var bytes = new ReadOnlySpan<byte>(source + (done * width), part.Length * width);
            switch (dtype)
            {
                case "F32":
                    bytes.CopyTo(MemoryMarshal.AsBytes(part));
                    break;
                case "F16":
                    TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), part);
                    break;
                case "BF16":
                    var bits = MemoryMarshal.Cast<float, uint>(part);          // bfloat16 = upper half of fp32
                    TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, ushort>(bytes), bits);
                    TensorPrimitives.ShiftLeft(bits, 16, bits);
                    break;
                default:
                    throw new NotSupportedException($"{dtype} is no dtype of weights.");
            }
        }
    }
}
