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
    private readonly List<(int Start, int Count, bool Whole)> _segments = [];      // of the plan, in its order
    private int[] _rows = [];
    private int[] _lengths = [];
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
        Arrange(plan);
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
        for (var i = 0; i < segments.Length; i++)
        {
            Score<T>(segments[i], Rows(i), layer, from, end);
        }

        for (var head = from; head < end; head++)
        {
            Normalise(plan, head, output, outputStride);
        }

        for (var i = 0; i < segments.Length; i++)
        {
            Weigh<T>(segments[i], Rows(i), layer, from, end, output, outputStride);
        }

        for (var head = from; head < end; head++)
        {
            Divide(head, output, outputStride);
        }
    }

    private SegmentRows Rows(int segment)
    {
        var (start, count, whole) = _segments[segment];
        return new SegmentRows(_rows.AsSpan(start, count), _lengths.AsSpan(start, count), whole);
    }

    /// <summary>The query rows of each segment, token * group + head of the group, and the positions that each sees.</summary>
    private void Arrange(AttentionPlan plan)
    {
        _segments.Clear();
        if (_rows.Length < plan.Members.Count * _group)
        {
            _rows = new int[plan.Members.Count * _group * 2];
            _lengths = new int[_rows.Length];
        }

        var next = 0;
        foreach (var segment in plan.Segments)
        {
            var (start, whole) = (next, true);
            for (var member = segment.FirstMember; member < segment.EndMember; member++)
            {
                var token = plan.Members[member];
                var length = plan.Position(token) + 1;
                whole &= length >= segment.EndPage * Lanes;
                for (var i = 0; i < _group; i++)
                {
                    (_rows[next], _lengths[next]) = ((token * _group) + i, length);
                    next++;
                }
            }

            _segments.Add((start, next - start, whole));
        }
    }

    /// <summary>scores[row][16 * page ...] = query . keys for all pages of a segment, page by page as they lie in memory.</summary>
    private void Score<T>(in AttentionSegment segment, in SegmentRows rows, int layer, int from, int end)
        where T : unmanaged
    {
        for (var page = segment.FirstPage; page < segment.EndPage; page++)
        {
            var keys = (T*)pages.Keys(segment.Row[page], layer, from);
            for (var head = from; head < end; head++, keys += pages.BlockSize)
            {
                var first = head * _tokens * _group;
                var i = 0;
                for (; i <= rows.Count - Tile; i += Tile)
                {
                    // Of a prompt's tokens the last ones see most; what the others do not see is masked later.
                    if (rows.Whole || rows.AnySees(i, Tile, page))
                    {
                        Score4(keys, first + rows.Row(i), first + rows.Row(i + 1), first + rows.Row(i + 2), first + rows.Row(i + 3), page * Lanes);
                    }
                }

                for (; i < rows.Count; i++)
                {
                    if (rows.Whole || rows.AnySees(i, 1, page))
                    {
                        Score1(keys, first + rows.Row(i), page * Lanes);
                    }
                }
            }
        }
    }

    /// <summary>Four rows' scores of a page. Dimensions go to four sums by turns, here and in <see cref="Score1"/> alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score4<T>(T* keys, int a, int b, int c, int d, int offset)
        where T : unmanaged
    {
        float* qa = _queries + ((nint)a * headDimension), qb = _queries + ((nint)b * headDimension);
        float* qc = _queries + ((nint)c * headDimension), qd = _queries + ((nint)d * headDimension);
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (var i = 0; i < headDimension; i += 4)
        {
            var key = KvNumbers.Load(keys + (i * Lanes));
            a0 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i]), key, a0);
            b0 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i]), key, b0);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i]), key, c0);
            d0 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i]), key, d0);
            key = KvNumbers.Load(keys + ((i + 1) * Lanes));
            a1 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 1]), key, a1);
            b1 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 1]), key, b1);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 1]), key, c1);
            d1 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 1]), key, d1);
            key = KvNumbers.Load(keys + ((i + 2) * Lanes));
            a2 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 2]), key, a2);
            b2 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 2]), key, b2);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 2]), key, c2);
            d2 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 2]), key, d2);
            key = KvNumbers.Load(keys + ((i + 3) * Lanes));
            a3 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 3]), key, a3);
            b3 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 3]), key, b3);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 3]), key, c3);
            d3 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 3]), key, d3);
        }

        ((a0 + a1) + (a2 + a3)).Store(_scores + ((nint)a * _stride) + offset);
        ((b0 + b1) + (b2 + b3)).Store(_scores + ((nint)b * _stride) + offset);
        ((c0 + c1) + (c2 + c3)).Store(_scores + ((nint)c * _stride) + offset);
        ((d0 + d1) + (d2 + d3)).Store(_scores + ((nint)d * _stride) + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score1<T>(T* keys, int row, int offset)
        where T : unmanaged
    {
        var query = _queries + ((nint)row * headDimension);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var i = 0; i < headDimension; i += 4)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i]), KvNumbers.Load(keys + (i * Lanes)), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 1]), KvNumbers.Load(keys + ((i + 1) * Lanes)), s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 2]), KvNumbers.Load(keys + ((i + 2) * Lanes)), s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 3]), KvNumbers.Load(keys + ((i + 3) * Lanes)), s3);
        }

        ((s0 + s1) + (s2 + s3)).Store(_scores + ((nint)row * _stride) + offset);
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
    private void Weigh<T>(in AttentionSegment segment, in SegmentRows rows, int layer, int from, int end, float* output, int outputStride)
        where T : unmanaged
    {
        for (var page = segment.FirstPage; page < segment.EndPage; page++)
        {
            var values = (T*)pages.Values(segment.Row[page], layer, from);
            for (var head = from; head < end; head++, values += pages.BlockSize)
            {
                var weights = _scores + ((nint)head * _tokens * _group * _stride) + (page * Lanes);
                var target = output + (head * _group * headDimension);
                var i = 0;
                for (; i <= rows.Count - Tile; i += Tile)
                {
                    if (headDimension % WideTile == 0 && (rows.Whole || rows.AllFill(i, Tile, page)))
                    {
                        Weigh4(values, rows, i, weights, target, outputStride);
                        continue;
                    }

                    for (var other = i; other < i + Tile; other++)
                    {
                        Weigh1(values, rows, other, page, weights, target, outputStride);
                    }
                }

                for (; i < rows.Count; i++)
                {
                    Weigh1(values, rows, i, page, weights, target, outputStride);
                }
            }
        }
    }

    private void Weigh4<T>(T* values, in SegmentRows rows, int first, float* weights, float* target, int outputStride)
        where T : unmanaged
    {
        float* pa = weights + ((nint)rows.Row(first) * _stride), pb = weights + ((nint)rows.Row(first + 1) * _stride);
        float* pc = weights + ((nint)rows.Row(first + 2) * _stride), pd = weights + ((nint)rows.Row(first + 3) * _stride);
        float* a = Place(rows.Row(first), target, outputStride), b = Place(rows.Row(first + 1), target, outputStride);
        float* c = Place(rows.Row(first + 2), target, outputStride), d = Place(rows.Row(first + 3), target, outputStride);
        for (var part = 0; part < headDimension; part += WideTile)
        {
            AddWeighted4(values + part, pa, pb, pc, pd, a + part, b + part, c + part, d + part);
        }
    }

    private void Weigh1<T>(T* values, in SegmentRows rows, int member, int page, float* weights, float* target, int outputStride)
        where T : unmanaged
    {
        var row = rows.Row(member);
        var seen = Math.Min(Lanes, rows.Length(member) - (page * Lanes));
        var place = Place(row, target, outputStride);
        var part = 0;
        for (; part <= headDimension - WideTile; part += WideTile)
        {
            AddWeighted(values + part, weights + ((nint)row * _stride), seen, place + part, WideTile);
        }

        for (; part < headDimension; part += Lanes)
        {
            AddWeighted(values + part, weights + ((nint)row * _stride), seen, place + part, Lanes);
        }
    }

    /// <summary>Where a row of a head's query group belongs: rows of a token lie side by side, tokens a stride apart.</summary>
    private float* Place(int row, float* target, int outputStride)
    {
        var token = _group == 1 ? row : row / _group;
        return target + ((nint)token * outputStride) + ((row - (token * _group)) * headDimension);
    }

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

/// <summary>The query rows of a segment.</summary>
/// <param name="rows">Numbers within a head.</param>
/// <param name="lengths">Positions that each sees.</param>
/// <param name="whole">Whether all see all of the segment's pages to the end.</param>
internal readonly ref struct SegmentRows(ReadOnlySpan<int> rows, ReadOnlySpan<int> lengths, bool whole)
{
    private readonly ReadOnlySpan<int> _rows = rows;
    private readonly ReadOnlySpan<int> _lengths = lengths;

    public int Count => _rows.Length;

    public bool Whole { get; } = whole;

    public int Row(int member) => _rows[member];

    public int Length(int member) => _lengths[member];

    /// <summary>Whether any of some rows sees a position of a page.</summary>
    public bool AnySees(int first, int count, int page)
    {
        var most = 0;
        foreach (var length in _lengths.Slice(first, count))
        {
            most = Math.Max(most, length);
        }

        return most > page * KvPages.PageTokens;
    }

    /// <summary>Whether all of some rows see a page to its end.</summary>
    public bool AllFill(int first, int count, int page)
    {
        var least = int.MaxValue;
        foreach (var length in _lengths.Slice(first, count))
        {
            least = Math.Min(least, length);
        }

        return least >= (page + 1) * KvPages.PageTokens;
    }
}
