using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Serving.Kernels;

/// <summary>
/// Arithmetic on one row of activations. Every result depends on the row alone and on a fixed order of additions, so a row has the same bits in any
/// batch. Pointers need not be aligned; lengths may be any.
/// </summary>
public static unsafe class RowMath
{
    private const int Lanes = 16;
    private const float LargestLevel = 127;
    private const float ZeroLevel = 128;
    private const float Magic = 12582912;        // 1.5 * 2^23: adding it rounds to a whole number, ties to even

    /// <summary>target = source / sqrt(mean(source^2) + epsilon) * scale (root-mean-square norm, arXiv:1910.07467).</summary>
    public static void Norm(float* source, float* scale, float epsilon, int length, float* target)
    {
        var (first, second) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var i = 0;
        for (; i <= length - (2 * Lanes); i += 2 * Lanes)
        {
            var (a, b) = (Vector512.Load(source + i), Vector512.Load(source + i + Lanes));
            first = Vector512.FusedMultiplyAdd(a, a, first);
            second = Vector512.FusedMultiplyAdd(b, b, second);
        }

        for (; i <= length - Lanes; i += Lanes)
        {
            var a = Vector512.Load(source + i);
            first = Vector512.FusedMultiplyAdd(a, a, first);
        }

        var squares = Vector512.Sum(first + second);
        for (; i < length; i++)
        {
            squares += source[i] * source[i];
        }

        var factor = 1 / MathF.Sqrt((squares / length) + epsilon);
        var factors = Vector512.Create(factor);
        for (i = 0; i <= length - Lanes; i += Lanes)
        {
            (Vector512.Load(source + i) * factors * Vector512.Load(scale + i)).Store(target + i);
        }

        for (; i < length; i++)
        {
            target[i] = source[i] * factor * scale[i];
        }
    }

    /// <summary>target += source.</summary>
    public static void Add(float* source, float* target, int length)
    {
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            (Vector512.Load(target + i) + Vector512.Load(source + i)).Store(target + i);
        }

        for (; i < length; i++)
        {
            target[i] += source[i];
        }
    }

    /// <summary>target = source * factor.</summary>
    public static void Scale(float* source, float factor, float* target, int length)
    {
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            (Vector512.Load(source + i) * factor).Store(target + i);
        }

        for (; i < length; i++)
        {
            target[i] = source[i] * factor;
        }
    }

    /// <summary>target = SiLU(gate) * up, SiLU(x) = x / (1 + e^-x).</summary>
    public static void SiluGate(float* gate, float* up, float* target, int length)
    {
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var x = Vector512.Load(gate + i);
            (x / (Vector512<float>.One + Vector512.Exp(-x)) * Vector512.Load(up + i)).Store(target + i);
        }

        for (; i < length; i++)
        {
            target[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
        }
    }

    /// <summary>target = GELU(gate) * up in its tanh form: x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)) * up.</summary>
    public static void GeluGate(float* gate, float* up, float* target, int length)
    {
        const float Outer = 1.5957691216f;       // 2 sqrt(2/pi)
        const float Cubic = 0.044715f;
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var x = Vector512.Load(gate + i);
            var inner = Vector512.Create(Outer) * (x + (Vector512.Create(Cubic) * x * x * x));
            (x / (Vector512<float>.One + Vector512.Exp(-inner)) * Vector512.Load(up + i)).Store(target + i);
        }

        for (; i < length; i++)
        {
            var x = gate[i];
            target[i] = x / (1 + MathF.Exp(-Outer * (x + (Cubic * x * x * x)))) * up[i];
        }
    }

    /// <summary>target = GELU(gate) * up in its exact form: x * (1 + erf(x / sqrt 2)) / 2 * up; within 3e-7 * max(1, |x|) of it before the product.</summary>
    public static void ExactGeluGate(float* gate, float* up, float* target, int length)
    {
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            (ExactGelu(Vector512.Load(gate + i)) * Vector512.Load(up + i)).Store(target + i);
        }

        if (i < length)
        {
            var rest = stackalloc float[Lanes];
            new ReadOnlySpan<float>(gate + i, length - i).CopyTo(new Span<float>(rest, Lanes));
            ExactGelu(Vector512.Load(rest)).Store(rest);
            for (var lane = 0; i < length; i++, lane++)
            {
                target[i] = rest[lane] * up[i];
            }
        }
    }

    /// <summary>target = whole numbers * column scales * row scale: what a product of quantised operands means.</summary>
    public static void Dequantize(int* source, float* columns, float row, float* target, int length)
    {
        var rows = Vector512.Create(row);
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            (Vector512.ConvertToSingle(Vector512.Load(source + i)) * (rows * Vector512.Load(columns + i))).Store(target + i);
        }

        for (; i < length; i++)
        {
            target[i] = source[i] * (row * columns[i]);
        }
    }

    /// <summary>
    /// target = round(source / scale) + 128 with scale = max|source| / 127, which is returned: symmetric 8 bits with one scale for the row.
    /// </summary>
    public static float Quantize(float* source, byte* target, int length)
    {
        var largest = LargestMagnitude(source, length);
        var inverse = largest > 0 ? LargestLevel / largest : 0;
        var i = 0;
        if (Avx512F.IsSupported)
        {
            var inverses = Vector512.Create(inverse);
            var zero = Vector512.Create(ZeroLevel);
            for (; i <= length - Lanes; i += Lanes)
            {
                var levels = Avx512F.ConvertToVector512Int32(Vector512.FusedMultiplyAdd(Vector512.Load(source + i), inverses, zero));
                Avx512F.ConvertToVector128ByteWithSaturation(levels.AsUInt32()).Store(target + i);
            }
        }

        for (; i < length; i++)
        {
            target[i] = (byte)(BitConverter.SingleToInt32Bits(MathF.FusedMultiplyAdd(source[i], inverse, ZeroLevel) + Magic) & 0xFF);
        }

        return largest / LargestLevel;
    }

    /// <summary>e^(score - largest) over a multiple of 16 scores, in place; the sum is returned. The largest is the row's own.</summary>
    public static float Exponentials(float* scores, int padded)
    {
        var most = Vector512.Load(scores);
        for (var i = Lanes; i < padded; i += Lanes)
        {
            most = Vector512.Max(most, Vector512.Load(scores + i));
        }

        var top = Vector512.Create(Largest(most));
        var sum = Vector512<float>.Zero;
        for (var i = 0; i < padded; i += Lanes)
        {
            var weight = Exp(Vector512.Load(scores + i) - top);
            weight.Store(scores + i);
            sum += weight;
        }

        return Vector512.Sum(sum);
    }

    /// <summary>max |source|; infinite or NaN values come out as such.</summary>
    private static float LargestMagnitude(float* source, int length)
    {
        var largest = Vector512<float>.Zero;
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            largest = Vector512.Max(largest, Vector512.Abs(Vector512.Load(source + i)));
        }

        var result = Largest(largest);
        for (; i < length; i++)
        {
            result = MathF.Max(result, MathF.Abs(source[i]));
        }

        return result;
    }

    private static float Largest(Vector512<float> values)
    {
        var half = Vector256.Max(values.GetLower(), values.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        return MathF.Max(MathF.Max(quarter[0], quarter[1]), MathF.Max(quarter[2], quarter[3]));
    }

    /// <summary>
    /// x * (1 - tail) for positive x and x * tail for negative, tail = erfc(a) / 2 with a = |x| / sqrt 2. erfc(a) e^(a^2) is a polynomial of
    /// t = 1 / (1 + 0.325 a), fitted to a relative error of 4e-8 up to a = 6.5, beyond which nothing of it is left in fp32.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ExactGelu(Vector512<float> x)
    {
        var t = Vector512<float>.One / Vector512.FusedMultiplyAdd(Vector512.Abs(x), Vector512.Create(0.22980970f), Vector512<float>.One);
        var sum = Vector512.Create(-0.154718607f);
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(0.570028497f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(-0.528716783f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(0.565103308f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(-0.0349296268f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(0.22333389f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(0.176079491f));
        sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(0.183819793f));
        var tail = sum * t * Exp(x * x * -0.5f) * 0.5f;
        return x * Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), Vector512<float>.One - tail, tail);
    }

    /// <summary>
    /// e^x for x at most 0: 2^n * p(r) with x = (n + r) ln 2; the polynomial is within 2 units in the last place. Below -87 the result is 0, so that a
    /// masked score has no weight at all; NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp(Vector512<float> x)
    {
        var scaled = x * 1.44269504f;
        var whole = (scaled + Vector512.Create(Magic)) - Vector512.Create(Magic);
        var rest = Vector512.FusedMultiplyAdd(whole, Vector512.Create(-0.693145752f), x);
        rest = Vector512.FusedMultiplyAdd(whole, Vector512.Create(-1.42860677e-6f), rest);
        var power = Vector512.Create(1.98756915e-4f);
        power = Vector512.FusedMultiplyAdd(power, rest, Vector512.Create(1.39819995e-3f));
        power = Vector512.FusedMultiplyAdd(power, rest, Vector512.Create(8.33345205e-3f));
        power = Vector512.FusedMultiplyAdd(power, rest, Vector512.Create(4.16657962e-2f));
        power = Vector512.FusedMultiplyAdd(power, rest, Vector512.Create(1.66666657e-1f));
        power = Vector512.FusedMultiplyAdd(power, rest, Vector512.Create(0.5f));
        power = Vector512.FusedMultiplyAdd(power, rest * rest, rest + Vector512<float>.One);
        var exponent = Vector512.ShiftLeft(Vector512.ConvertToInt32(whole) + Vector512.Create(127), 23).AsSingle();
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87f)), Vector512<float>.Zero, power * exponent);
    }
}
