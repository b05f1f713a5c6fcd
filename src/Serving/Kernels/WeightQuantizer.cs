using System.Numerics.Tensors;

namespace Serving.Kernels;

/// <summary>Turns a matrix of a checkpoint into 8 bits for a product of whole numbers.</summary>
public static unsafe class WeightQuantizer
{
    private const int Block = 64;        // outputs that are transposed together: a cache line of the target

    /// <summary>
    /// Symmetric quantisation with one scale per output: levels[k, n] = round(weights[n, k] / scale[n]), scale[n] = max|weights[n, :]| / largest.
    /// </summary>
    /// <param name="weights">[outputs, inputs], torch's layout.</param>
    /// <param name="outputs">N.</param>
    /// <param name="inputs">K.</param>
    /// <param name="largest">Largest level, 127 at most.</param>
    /// <param name="levels">[inputs, stride], of which the columns from <paramref name="column"/> on are written.</param>
    /// <param name="stride">Columns of the whole target.</param>
    /// <param name="column">First column.</param>
    /// <param name="scales">[outputs].</param>
    public static void Quantize(ReadOnlySpan<float> weights, int outputs, int inputs, int largest, sbyte* levels, int stride, int column, Span<float> scales)
    {
        Span<float> inverses = stackalloc float[Block];
        for (var block = 0; block < outputs; block += Block)
        {
            var count = Math.Min(Block, outputs - block);
            for (var n = 0; n < count; n++)
            {
                var magnitude = MathF.Abs(TensorPrimitives.MaxMagnitude(weights.Slice((block + n) * inputs, inputs)));
                scales[block + n] = magnitude / largest;
                inverses[n] = magnitude > 0 ? largest / magnitude : 0;
            }

            for (var k = 0; k < inputs; k++)
            {
                var target = levels + ((nint)k * stride) + column + block;
                for (var n = 0; n < count; n++)
                {
                    target[n] = (sbyte)MathF.Round(weights[((block + n) * inputs) + k] * inverses[n]);
                }
            }
        }
    }
}
