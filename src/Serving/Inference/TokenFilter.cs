using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Serving.Inference;

/// <summary>
/// Keeps the top-k, then the top-p, then the min-p tokens of a row of weights and sets the others to 0, by partial selection: sorting a vocabulary costs more than
/// the model. Tokens rank by weight, equal ones by the smaller id. Not thread-safe: it owns scratch memory.
/// </summary>
internal sealed class TokenFilter(int vocabularySize)
{
    private const int BlockSize = 64;

    private readonly float[] _highest = new float[(vocabularySize + BlockSize - 1) / BlockSize];
    private readonly float[] _ranked = new float[(vocabularySize + BlockSize - 1) / BlockSize];
    private readonly int[] _ids = new int[vocabularySize];
    private readonly float[] _values = new float[vocabularySize];

    /// <param name="weights">Unnormalised probabilities [V], the largest about 1; changed in place.</param>
    /// <param name="total">Their sum.</param>
    /// <param name="topK">0 = all.</param>
    /// <param name="topP">1 = all.</param>
    /// <param name="minP">0 = all.</param>
    public void Apply(Span<float> weights, double total, int topK, float topP, float minP)
    {
        FindHighest(weights);
        var least = minP * TensorPrimitives.Max<float>(_highest);
        int kept;
        if (topK > 0 && topK < vocabularySize)
        {
            var count = Gather(weights, LeastOfTop(topK));
            kept = count <= topK ? count : Select(count, topK, byWeight: false);
            total = 0;
            for (var i = 0; i < kept; i++)
            {
                total += _values[i];
            }
        }
        else if (topP == 1f)
        {
            kept = Gather(weights, least);
        }
        else
        {
            KeepNucleus(weights, topP * total, (float)((1 - (double)topP) * total / vocabularySize), least);
            return;
        }

        if (topP < 1f)
        {
            kept = Select(kept, topP * total, byWeight: true);
        }

        weights.Clear();
        for (var i = 0; i < kept; i++)
        {
            if (_values[i] >= least)
            {
                weights[_ids[i]] = _values[i];
            }
        }
    }

    /// <summary>
    /// Keeps the smallest set of best-ranked tokens that weighs <paramref name="target"/>. Its border is found to 1.6 % by halving, which reads all weights
    /// ten times or so without a branch; only the tokens at the border are ranked.
    /// </summary>
    /// <param name="weights">All of them; changed in place.</param>
    /// <param name="target">A sum that they reach.</param>
    /// <param name="level">The nucleus lies above it: what is below sums to less than the rest.</param>
    /// <param name="least">Tokens below it are dropped in any case.</param>
    private void KeepNucleus(Span<float> weights, double target, float level, float least)
    {
        const int Width = 1 << 17;           // of the border, in units of the last place
        var low = BitConverter.SingleToInt32Bits(level);
        var high = BitConverter.SingleToInt32Bits(TensorPrimitives.Max<float>(_highest)) + 1;
        var above = 0.0;                     // sum of the weights from high on; those from low on reach the target
        while (high - low > Width)
        {
            var middle = low + ((high - low) / 2);
            var sum = SumFrom(weights, BitConverter.Int32BitsToSingle(middle));
            (low, high, above) = sum >= target ? (middle, high, above) : (low, middle, sum);
        }

        var border = BitConverter.Int32BitsToSingle(high);
        var count = Gather(weights, BitConverter.Int32BitsToSingle(low), border);
        var kept = count == 0 ? 0 : Select(count, target - above, byWeight: true);
        ZeroBelow(weights, Math.Max(border, least));
        for (var i = 0; i < kept; i++)
        {
            if (_values[i] >= least)
            {
                weights[_ids[i]] = _values[i];
            }
        }
    }

    private static double SumFrom(ReadOnlySpan<float> weights, float level)
    {
        var levels = Vector512.Create(level);
        var total = 0.0;
        ref var first = ref MemoryMarshal.GetReference(weights);
        var i = 0;
        for (; i <= weights.Length - BlockSize; i += BlockSize)
        {
            var sum = Vector512<float>.Zero;
            for (var j = i; j < i + BlockSize; j += Vector512<float>.Count)
            {
                var values = Vector512.LoadUnsafe(ref first, (nuint)j);
                sum += Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(values, levels), values, Vector512<float>.Zero);
            }

            total += Vector512.Sum(sum);
        }

        for (; i < weights.Length; i++)
        {
            total += weights[i] >= level ? weights[i] : 0;
        }

        return total;
    }

    private static void ZeroBelow(Span<float> weights, float level)
    {
        var levels = Vector512.Create(level);
        ref var first = ref MemoryMarshal.GetReference(weights);
        var i = 0;
        for (; i <= weights.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var values = Vector512.LoadUnsafe(ref first, (nuint)i);
            Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(values, levels), values, Vector512<float>.Zero).StoreUnsafe(ref first, (nuint)i);
        }

        for (; i < weights.Length; i++)
        {
            weights[i] = weights[i] >= level ? weights[i] : 0;
        }
    }

    /// <summary>The tokens of the largest weights, best first; valid until the next call.</summary>
    public ReadOnlySpan<int> Best(ReadOnlySpan<float> weights, int count)
    {
        FindHighest(weights);
        var kept = Math.Min(count, Select(Gather(weights, LeastOfTop(count)), count, byWeight: false));
        var best = _ids.AsSpan(0, kept);
        _values.AsSpan(0, kept).Sort(best, static (left, right) => right.CompareTo(left));
        for (var i = 1; i < kept; i++)
        {
            // Equal weights by the smaller id.
            for (var at = i; at > 0 && weights[best[at]] == weights[best[at - 1]] && best[at] < best[at - 1]; at--)
            {
                (best[at], best[at - 1]) = (best[at - 1], best[at]);
            }
        }

        return best;
    }

    private void FindHighest(ReadOnlySpan<float> weights)
    {
        for (var i = 0; i < _highest.Length; i++)
        {
            var start = i * BlockSize;
            _highest[i] = TensorPrimitives.Max<float>(weights.Slice(start, Math.Min(BlockSize, weights.Length - start)));
        }
    }

    /// <summary>A weight that at least k tokens reach: the k-th of the block maxima, when there are blocks enough for it to tell anything.</summary>
    private float LeastOfTop(int k)
    {
        if (2 * k > _highest.Length)
        {
            return 0;
        }

        _highest.CopyTo(_ranked, 0);
        Array.Sort(_ranked);
        return _ranked[^k];
    }

    /// <summary>Collects the tokens of at least this weight and below another, leaving out those without any. Returns how many.</summary>
    private int Gather(ReadOnlySpan<float> weights, float level, float below = float.PositiveInfinity)
    {
        var count = 0;
        for (var block = 0; block < _highest.Length; block++)
        {
            if (_highest[block] < level)
            {
                continue;
            }

            var end = Math.Min(weights.Length, (block + 1) * BlockSize);
            var i = block * BlockSize;
            for (; i <= end - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                var values = Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(weights), (nuint)i);
                var within = Vector512.GreaterThanOrEqual(values, Vector512.Create(level)) & Vector512.LessThan(values, Vector512.Create(below));
                for (var bits = (within & Vector512.GreaterThan(values, Vector512<float>.Zero)).ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
                {
                    _ids[count] = i + BitOperations.TrailingZeroCount(bits);
                    _values[count] = weights[_ids[count]];
                    count++;
                }
            }

            for (; i < end; i++)
            {
                if (weights[i] >= level && weights[i] < below && weights[i] > 0)
                {
                    _ids[count] = i;
                    _values[count++] = weights[i];
                }
            }
        }

        return count;
    }

    /// <summary>
    /// Moves the smallest set of best-ranked tokens that reaches <paramref name="target"/> (in number or in weight) to the front of the collected
    /// ones and returns its size: quickselect, which looks only into the side where the border lies.
    /// </summary>
    private int Select(int count, double target, bool byWeight)
    {
        var (low, high, before) = (0, count, 0.0);
        while (low < high)
        {
            var (pivot, sum) = Partition(low, high, byWeight);
            var own = byWeight ? _values[pivot] : 1.0;
            if (before + sum >= target)
            {
                high = pivot;
            }
            else if (before + sum + own >= target)
            {
                return pivot + 1;
            }
            else
            {
                before += sum + own;
                low = pivot + 1;
            }
        }

        return Math.Max(1, high);
    }

    /// <summary>Puts the tokens that rank before a pivot in front of it. Returns where the pivot is and the sum of those in front.</summary>
    private (int Pivot, double Sum) Partition(int low, int high, bool byWeight)
    {
        var last = high - 1;
        Swap(MedianOf(low, (low + last) / 2, last), last);
        var border = low;
        var sum = 0.0;
        for (var i = low; i < last; i++)
        {
            if (Before(i, last))
            {
                sum += byWeight ? _values[i] : 1.0;
                Swap(i, border++);
            }
        }

        Swap(border, last);
        return (border, sum);
    }

    private int MedianOf(int a, int b, int c)
    {
        if (Before(b, a))
        {
            (a, b) = (b, a);
        }

        return Before(c, a) ? a : Before(c, b) ? c : b;
    }

    private bool Before(int a, int b) => _values[a] > _values[b] || (_values[a] == _values[b] && _ids[a] < _ids[b]);

    private void Swap(int a, int b)
    {
        (_ids[a], _ids[b]) = (_ids[b], _ids[a]);
        (_values[a], _values[b]) = (_values[b], _values[a]);
    }
}
