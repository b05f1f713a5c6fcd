using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Serving.Kernels;

/// <summary>
/// Reads and writes the numbers of <see cref="KvPages"/>: T is float, or ushort for bfloat16. The branches on T are gone in compiled code.
/// </summary>
internal static unsafe class KvNumbers
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load<T>(T* source)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            return Vector512.Load((float*)source);
        }

        var halves = Vector256.Load((ushort*)source);
        var wide = Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt32(halves)
            : Vector512.Create(Vector256.WidenLower(halves), Vector256.WidenUpper(halves));
        return Vector512.ShiftLeft(wide, 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(float value, T* target)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            *(float*)target = value;
            return;
        }

        // To nearest, ties to even. What is not finite stays so: NaN keeps a bit of its fraction.
        var bits = BitConverter.SingleToUInt32Bits(value);
        *(ushort*)target = float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
