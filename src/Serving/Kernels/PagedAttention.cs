using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Serving.Kernels;

/// <summary>
/// Causal attention of a batch's tokens over paged keys and values: softmax(q k^T) v per query head, grouped-query heads included. A token's result
/// depends on its own row only, bit for bit: scores are independent dot products, the softmax runs over the token's own scores, and values are added
/// in the order of positions, whoever reads the same page at the same time. Pages that several tokens see are read once for up to four of them.
/// </summary>
public sealed unsafe class PagedAttention(KvPages pages, int heads, int keyValueHeads, int headDimension) : IDisposable
{
    private const int Lanes = KvPages.PageTokens;
    private const int Tile = 4;
    private const int WideTile = 4 * Lanes;      // dimensions of a head that one pass over the values covers

    private readonly int _group = heads / keyValueHeads;
    private float* _queries;         // [kv][tokens * group][hd], scaled by 1 / sqrt(hd)
    private float* _scores;          // [kv][tokens * group][stride]
    private float* _sums;            // [kv][tokens * group]
    private nuint _scoresSize;
    private int _tokens;
    private int _stride;

    /// <summary>Makes room for a step; queries can then be written.</summary>
    public void Begin(AttentionPlan plan)
    {
        _stride = (plan.Longest + Lanes - 1) / Lanes * Lanes;
        var size = (nuint)plan.Tokens * (nuint)heads * (nuint)(headDimension + _stride + 1);
        if (size > _scoresSize)
        {
            NativeMemory.AlignedFree(_queries);
            _queries = null;
            _scoresSize = 0;         // there may be no memory for more: nothing must be freed twice then
            var roomy = size + (size / 4);
            _queries = (float*)NativeMemory.AlignedAlloc((roomy * sizeof(float)) + 64, 64);
            _scoresSize = roomy;
        }

        _tokens = plan.Tokens;
        _scores = _queries + ((nint)plan.Tokens * heads * headDimension);
        _sums = _scores + ((nint)plan.Tokens * heads * _stride);
    }

    /// <summary>Where the query of a token's head belongs, [hd]; scaled by 1 / sqrt(hd).</summary>
    public float* Query(int token, int head) =>
        _queries + ((((head / _group) * _tokens * _group) + (token * _group) + (head % _group)) * headDimension);

    /// <summary>Stores a token's key and value of one head, both [hd], the key turned already.</summary>
    public void Store(KvRow row, int position, int layer, int head, float* key, float* value)
    {
        if (pages.Format == KvFormat.Float32)
        {
            Store<float>(row, position, layer, head, key, value);
        }
        else
        {
            Store<ushort>(row, position, layer, head, key, value);
        }
    }

    /// <summary>
    /// The query heads of the key/value heads from..end: output[token * stride + head * hd + i]. Ranges of heads may run at the same time.
    /// </summary>
    public void Run(AttentionPlan plan, int layer, int from, int end, float* output, int outputStride)
    {
        if (pages.Format == KvFormat.Float32)
        {
            Run<float>(plan, layer, from, end, output, outputStride);
        }
        else
        {
            Run<ushort>(plan, layer, from, end, output, outputStride);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_queries);
        _queries = null;
    }

    private void Store<T>(KvRow row, int position, int layer, int head, float* key, float* value)
        where T : unmanaged
    {
        var page = row[position / Lanes];
        var slot = position % Lanes;
        var keys = (T*)pages.Keys(page, layer, head) + slot;
        var values = (T*)pages.Values(page, layer, head) + (slot * headDimension);
        for (var i = 0; i < headDimension; i++)
        {
            KvNumbers.Store(key[i], keys + (i * Lanes));
            KvNumbers.Store(value[i], values + i);
        }
    }

    private void Run<T>(AttentionPlan plan, int layer, int from, int end, float* output, int outputStride)
        where T : unmanaged
    {
        var segments = CollectionsMarshal.AsSpan(plan.Segments);
        var members = CollectionsMarshal.AsSpan(plan.Members);
        foreach (ref readonly var segment in segments)
        {
            Score<T>(plan, segment, members[segment.FirstMember..segment.EndMember], layer, from, end);
        }

        for (var head = from; head < end; head++)
        {
            Normalise(plan, head, output, outputStride);
        }

        foreach (ref readonly var segment in segments)
        {
            Weigh<T>(plan, segment, members[segment.FirstMember..segment.EndMember], layer, from, end, output, outputStride);
        }

        for (var head = from; head < end; head++)
        {
            Divide(head, output, outputStride);
        }
    }

    private int RowOf(int member, ReadOnlySpan<int> members, int head) => (head * _tokens * _group) + (members[member / _group] * _group) + (member % _group);

    /// <summary>scores[row][16 * page ...] = query . keys for all pages of a segment, page by page as they lie in memory.</summary>
    private void Score<T>(AttentionPlan plan, in AttentionSegment segment, ReadOnlySpan<int> members, int layer, int from, int end)
        where T : unmanaged
    {
        var count = members.Length * _group;
        for (var page = segment.FirstPage; page < segment.EndPage; page++)
        {
            var keys = (T*)pages.Keys(segment.Row[page], layer, from);
            for (var head = from; head < end; head++, keys += pages.BlockSize)
            {
                var i = 0;
                for (; i <= count - Tile; i += Tile)
                {
                    // Of a prompt's tokens the last ones see most; what the others do not see is masked later.
                    if (PagesSeen(plan, members, i, Tile) > page)
                    {
                        var (a, b, c, d) = (RowOf(i, members, head), RowOf(i + 1, members, head), RowOf(i + 2, members, head), RowOf(i + 3, members, head));
                        Score4(keys, a, b, c, d, page * Lanes);
                    }
                }

                for (; i < count; i++)
                {
                    if (PagesSeen(plan, members, i, 1) > page)
                    {
                        Score1(keys, RowOf(i, members, head), page * Lanes);
                    }
                }
            }
        }
    }

    private int PagesSeen(AttentionPlan plan, ReadOnlySpan<int> members, int first, int count)
    {
        var seen = 0;
        for (var i = first; i < first + count; i += _group)
        {
            seen = Math.Max(seen, (plan.Position(members[i / _group]) / Lanes) + 1);
        }

        return Math.Max(seen, (plan.Position(members[(first + count - 1) / _group]) / Lanes) + 1);
    }

    /// <summary>Pages that all of four see to their ends.</summary>
    private int PagesFilled(AttentionPlan plan, ReadOnlySpan<int> members, int first)
    {
        var filled = int.MaxValue;
        for (var i = first; i < first + Tile; i++)
        {
            filled = Math.Min(filled, (plan.Position(members[i / _group]) + 1) / Lanes);
        }

        return filled;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score4<T>(T* keys, int a, int b, int c, int d, int offset)
        where T : unmanaged
    {
        float* qa = _queries + ((nint)a * headDimension), qb = _queries + ((nint)b * headDimension);
        float* qc = _queries + ((nint)c * headDimension), qd = _queries + ((nint)d * headDimension);
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        for (var i = 0; i < headDimension; i += 2)
        {
            var even = KvNumbers.Load(keys + (i * Lanes));
            var odd = KvNumbers.Load(keys + (i * Lanes) + Lanes);
            a0 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i]), even, a0);
            b0 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i]), even, b0);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i]), even, c0);
            d0 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i]), even, d0);
            a1 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 1]), odd, a1);
            b1 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 1]), odd, b1);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 1]), odd, c1);
            d1 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 1]), odd, d1);
        }

        (a0 + a1).Store(_scores + ((nint)a * _stride) + offset);
        (b0 + b1).Store(_scores + ((nint)b * _stride) + offset);
        (c0 + c1).Store(_scores + ((nint)c * _stride) + offset);
        (d0 + d1).Store(_scores + ((nint)d * _stride) + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score1<T>(T* keys, int row, int offset)
        where T : unmanaged
    {
        var query = _queries + ((nint)row * headDimension);
        Vector512<float> even = default, odd = default;
        for (var i = 0; i < headDimension; i += 2)
        {
            even = Vector512.FusedMultiplyAdd(Vector512.Create(query[i]), KvNumbers.Load(keys + (i * Lanes)), even);
            odd = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 1]), KvNumbers.Load(keys + (i * Lanes) + Lanes), odd);
        }

        (even + odd).Store(_scores + ((nint)row * _stride) + offset);
    }

    /// <summary>Scores become unnormalised weights; what lies after the token gets none. Outputs begin at 0.</summary>
    private void Normalise(AttentionPlan plan, int head, float* output, int outputStride)
    {
        for (var token = 0; token < _tokens; token++)
        {
            var length = plan.Position(token) + 1;
            var padded = (length + Lanes - 1) / Lanes * Lanes;
            for (var i = 0; i < _group; i++)
            {
                var row = (((head * _tokens) + token) * _group) + i;
                var scores = _scores + ((nint)row * _stride);
                for (var after = length; after < padded; after++)
                {
                    scores[after] = float.NegativeInfinity;
                }

                _sums[row] = RowMath.Exponentials(scores, padded);
                new Span<float>(output + ((nint)token * outputStride) + (((head * _group) + i) * headDimension), headDimension).Clear();
            }
        }
    }

    /// <summary>Adds weight * value of a segment's positions to the outputs, page by page as they lie in memory.</summary>
    private void Weigh<T>(
        AttentionPlan plan, in AttentionSegment segment, ReadOnlySpan<int> members, int layer, int from, int end, float* output, int outputStride)
        where T : unmanaged
    {
        var count = members.Length * _group;
        for (var page = segment.FirstPage; page < segment.EndPage; page++)
        {
            var values = (T*)pages.Values(segment.Row[page], layer, from);
            for (var head = from; head < end; head++, values += pages.BlockSize)
            {
                var i = 0;
                for (; i <= count - Tile; i += Tile)
                {
                    if (headDimension % WideTile == 0 && PagesFilled(plan, members, i) > page)
                    {
                        Weigh4(values, members, i, head, page, output, outputStride);
                        continue;
                    }

                    for (var other = i; other < i + Tile; other++)
                    {
                        Weigh1(plan, values, members, other, head, page, output, outputStride);
                    }
                }

                for (; i < count; i++)
                {
                    Weigh1(plan, values, members, i, head, page, output, outputStride);
                }
            }
        }
    }

    private void Weigh4<T>(T* values, ReadOnlySpan<int> members, int first, int head, int page, float* output, int outputStride)
        where T : unmanaged
    {
        float* pa = WeightsOf(first, members, head, page), pb = WeightsOf(first + 1, members, head, page);
        float* pc = WeightsOf(first + 2, members, head, page), pd = WeightsOf(first + 3, members, head, page);
        float* a = OutputOf(first, members, head, output, outputStride), b = OutputOf(first + 1, members, head, output, outputStride);
        float* c = OutputOf(first + 2, members, head, output, outputStride), d = OutputOf(first + 3, members, head, output, outputStride);
        for (var part = 0; part < headDimension; part += WideTile)
        {
            AddWeighted4(values + part, pa, pb, pc, pd, a + part, b + part, c + part, d + part);
        }
    }

    private void Weigh1<T>(
        AttentionPlan plan, T* values, ReadOnlySpan<int> members, int member, int head, int page, float* output, int outputStride)
        where T : unmanaged
    {
        var seen = Math.Min(Lanes, plan.Position(members[member / _group]) + 1 - (page * Lanes));
        var weights = WeightsOf(member, members, head, page);
        var target = OutputOf(member, members, head, output, outputStride);
        var part = 0;
        for (; part <= headDimension - WideTile; part += WideTile)
        {
            AddWeighted(values + part, weights, seen, target + part, WideTile);
        }

        for (; part < headDimension; part += Lanes)
        {
            AddWeighted(values + part, weights, seen, target + part, Lanes);
        }
    }

    private float* WeightsOf(int member, ReadOnlySpan<int> members, int head, int page) =>
        _scores + ((nint)RowOf(member, members, head) * _stride) + (page * Lanes);

    private float* OutputOf(int member, ReadOnlySpan<int> members, int head, float* output, int outputStride) =>
        output + ((nint)members[member / _group] * outputStride) + (((head * _group) + (member % _group)) * headDimension);

    /// <summary>target += weights[j] * values[j] for j below <paramref name="seen"/>, in that order; 16 or 64 dimensions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddWeighted<T>(T* values, float* weights, int seen, float* target, int width)
        where T : unmanaged
    {
        if (width == Lanes)
        {
            var sum = Vector512.Load(target);
            for (var j = 0; j < seen; j++)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[j]), KvNumbers.Load(values + (j * headDimension)), sum);
            }

            sum.Store(target);
            return;
        }

        var (s0, s1, s2, s3) = (Vector512.Load(target), Vector512.Load(target + 16), Vector512.Load(target + 32), Vector512.Load(target + 48));
        for (var j = 0; j < seen; j++)
        {
            var weight = Vector512.Create(weights[j]);
            var value = values + (j * headDimension);
            s0 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value), s0);
            s1 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 16), s1);
            s2 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 32), s2);
            s3 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 48), s3);
        }

        s0.Store(target);
        s1.Store(target + 16);
        s2.Store(target + 32);
        s3.Store(target + 48);
    }

    /// <summary>The same for four tokens that see the whole page, 64 dimensions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddWeighted4<T>(T* values, float* pa, float* pb, float* pc, float* pd, float* a, float* b, float* c, float* d)
        where T : unmanaged
    {
        var (a0, a1, a2, a3) = (Vector512.Load(a), Vector512.Load(a + 16), Vector512.Load(a + 32), Vector512.Load(a + 48));
        var (b0, b1, b2, b3) = (Vector512.Load(b), Vector512.Load(b + 16), Vector512.Load(b + 32), Vector512.Load(b + 48));
        var (c0, c1, c2, c3) = (Vector512.Load(c), Vector512.Load(c + 16), Vector512.Load(c + 32), Vector512.Load(c + 48));
        var (d0, d1, d2, d3) = (Vector512.Load(d), Vector512.Load(d + 16), Vector512.Load(d + 32), Vector512.Load(d + 48));
        for (var j = 0; j < Lanes; j++)
        {
            var value = values + (j * headDimension);
            var (v0, v1, v2, v3) = (KvNumbers.Load(value), KvNumbers.Load(value + 16), KvNumbers.Load(value + 32), KvNumbers.Load(value + 48));
            var weight = Vector512.Create(pa[j]);
            a0 = Vector512.FusedMultiplyAdd(weight, v0, a0);
            a1 = Vector512.FusedMultiplyAdd(weight, v1, a1);
            a2 = Vector512.FusedMultiplyAdd(weight, v2, a2);
            a3 = Vector512.FusedMultiplyAdd(weight, v3, a3);
            weight = Vector512.Create(pb[j]);
            b0 = Vector512.FusedMultiplyAdd(weight, v0, b0);
            b1 = Vector512.FusedMultiplyAdd(weight, v1, b1);
            b2 = Vector512.FusedMultiplyAdd(weight, v2, b2);
            b3 = Vector512.FusedMultiplyAdd(weight, v3, b3);
            weight = Vector512.Create(pc[j]);
            c0 = Vector512.FusedMultiplyAdd(weight, v0, c0);
            c1 = Vector512.FusedMultiplyAdd(weight, v1, c1);
            c2 = Vector512.FusedMultiplyAdd(weight, v2, c2);
            c3 = Vector512.FusedMultiplyAdd(weight, v3, c3);
            weight = Vector512.Create(pd[j]);
            d0 = Vector512.FusedMultiplyAdd(weight, v0, d0);
            d1 = Vector512.FusedMultiplyAdd(weight, v1, d1);
            d2 = Vector512.FusedMultiplyAdd(weight, v2, d2);
            d3 = Vector512.FusedMultiplyAdd(weight, v3, d3);
        }

        a0.Store(a);
        a1.Store(a + 16);
        a2.Store(a + 32);
        a3.Store(a + 48);
        b0.Store(b);
        b1.Store(b + 16);
        b2.Store(b + 32);
        b3.Store(b + 48);
        c0.Store(c);
        c1.Store(c + 16);
        c2.Store(c + 32);
        c3.Store(c + 48);
        d0.Store(d);
        d1.Store(d + 16);
        d2.Store(d + 32);
        d3.Store(d + 48);
    }

    private void Divide(int head, float* output, int outputStride)
    {
        for (var token = 0; token < _tokens; token++)
        {
            for (var i = 0; i < _group; i++)
            {
                var target = output + ((nint)token * outputStride) + (((head * _group) + i) * headDimension);
                RowMath.Scale(target, 1 / _sums[(((head * _tokens) + token) * _group) + i], target, headDimension);
            }
        }
    }
}
