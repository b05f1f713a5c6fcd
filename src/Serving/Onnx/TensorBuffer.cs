using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Serving.Onnx;

/// <summary>
/// Owns native memory for tensor values: zeroed, 64-byte aligned, at one address for life, so that views of it can be bound once and run many times.
/// Not thread-safe. Dispose the views before the buffer.
/// </summary>
public sealed unsafe class TensorBuffer<T> : IDisposable
    where T : unmanaged
{
    private const nuint Alignment = 64;

    private readonly TensorElementType _type;
    private void* _allocated;

    public TensorBuffer(long count)
    {
        _type = Element();
        Count = count;

        // Zeroed memory comes from the system page by page as it is used, so an unused slot costs no memory.
        _allocated = NativeMemory.AllocZeroed(checked(((nuint)count * (nuint)sizeof(T)) + Alignment));
        Pointer = (T*)(((nuint)_allocated + Alignment - 1) / Alignment * Alignment);
    }

    /// <summary>Values that fit.</summary>
    public long Count { get; }

    public T* Pointer { get; }

    /// <summary>The first <paramref name="count"/> values.</summary>
    public Span<T> First(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        return new Span<T>(Pointer, count);
    }

    /// <summary>A tensor over this memory from value <paramref name="start"/> on. Copies nothing.</summary>
    public OrtValue View(long start, params long[] shape)
    {
        var count = shape.Aggregate(1L, (product, dimension) => checked(product * dimension));
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, Count);
        return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, _type, shape, (nint)(Pointer + start), count * sizeof(T));
    }

    public void Dispose()
    {
        NativeMemory.Free(_allocated);
        _allocated = null;
    }

    private static TensorElementType Element() => Type.GetTypeCode(typeof(T)) switch
    {
        TypeCode.Single => TensorElementType.Float,
        TypeCode.Int32 => TensorElementType.Int32,
        TypeCode.Int64 => TensorElementType.Int64,
        _ => throw new NotSupportedException($"Tensors of {typeof(T).Name} are not used here."),
    };
}
