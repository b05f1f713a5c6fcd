using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Serving.Kernels;

/// <summary>
/// Rotary position embedding (arXiv:2104.09864) in Hugging Face's layout: the first half of a head turns against the second. Immutable after
/// construction.
/// </summary>
public sealed unsafe class RotaryTable : IDisposable
{
    private readonly int _half;
    private readonly float* _cos;
    private readonly float* _sin;

    /// <param name="frequencies">Radians per position of each pair, [hd / 2], hd a multiple of 16.</param>
    /// <param name="positions">Positions 0 to positions - 1 can be asked for.</param>
    public RotaryTable(IReadOnlyList<double> frequencies, int positions)
    {
        _half = frequencies.Count;
        _cos = (float*)NativeMemory.AlignedAlloc((nuint)positions * (nuint)_half * sizeof(float), 64);
        _sin = (float*)NativeMemory.AlignedAlloc((nuint)positions * (nuint)_half * sizeof(float), 64);
        for (var position = 0; position < positions; position++)
        {
            for (var i = 0; i < _half; i++)
            {
                var (sin, cos) = Math.SinCos(position * frequencies[i]);
                _cos[((nint)position * _half) + i] = (float)cos;
                _sin[((nint)position * _half) + i] = (float)sin;
            }
        }
    }

    /// <summary>Turns one head [hd] in place.</summary>
    public void Rotate(float* head, int position)
    {
        float* cos = _cos + ((nint)position * _half), sin = _sin + ((nint)position * _half);
        for (var i = 0; i < _half; i += Vector256<float>.Count)
        {
            var (first, second) = (Vector256.Load(head + i), Vector256.Load(head + _half + i));
            var (c, s) = (Vector256.Load(cos + i), Vector256.Load(sin + i));
            ((first * c) - (second * s)).Store(head + i);
            ((second * c) + (first * s)).Store(head + _half + i);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_cos);
        NativeMemory.AlignedFree(_sin);
    }
}
