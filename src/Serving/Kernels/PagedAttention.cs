using System.Runtime.InteropServices;

namespace Serving.Kernels;

/// <summary>
/// Causal attention of a batch's tokens over paged keys and values: softmax(q k^T) v per query head, grouped-query heads included. A token's result
/// depends on its own row only, bit for bit: scores are independent dot products, the softmax runs over the token's own scores, and values are added
/// in the order of positions, whoever reads the same page at the same time. Pages that several tokens see are read once for up to four of them.
/// </summary>
public sealed unsafe class PagedAttention(KvPages pages, int heads, int keyValueHeads, int headDimension) : IDisposable
{
    private const int Lanes = KvPages.PageTokens;
    private const int Tile = PageTiles.Rows;

    private readonly int _group = heads / keyValueHeads;
    private float* _queries;         // [kv][tokens * group][hd], scaled by 1 / sqrt(hd)
    private float* _scores;          // [kv][tokens * group][stride]
    private float* _sums;            // [kv][tokens * group]
    private readonly SegmentLayout _layout = new(heads / keyValueHeads);
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
        _layout.Arrange(plan);
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
            Score<T>(segments[i], _layout[i], layer, from, end);
        }

        for (var head = from; head < end; head++)
        {
            Normalise(plan, head, output, outputStride);
        }

        for (var i = 0; i < segments.Length; i++)
        {
            Weigh<T>(segments[i], _layout[i], layer, from, end, output, outputStride);
        }

        for (var head = from; head < end; head++)
        {
            Divide(head, output, outputStride);
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
                        Score4(keys, rows, i, first, page);
                    }
                }

                for (; i < rows.Count; i++)
                {
                    if (rows.Whole || rows.AnySees(i, 1, page))
                    {
                        PageTiles.Score(keys, QueryOf(first + rows.Row(i)), headDimension, ScoresOf(first + rows.Row(i), page));
                    }
                }
            }
        }
    }

    private void Score4<T>(T* keys, in SegmentRows rows, int member, int first, int page)
        where T : unmanaged
    {
        int a = first + rows.Row(member), b = first + rows.Row(member + 1), c = first + rows.Row(member + 2), d = first + rows.Row(member + 3);
        PageTiles.Score(
            keys, QueryOf(a), QueryOf(b), QueryOf(c), QueryOf(d), headDimension, ScoresOf(a, page), ScoresOf(b, page), ScoresOf(c, page), ScoresOf(d, page));
    }

    private float* QueryOf(int row) => _queries + ((nint)row * headDimension);

    private float* ScoresOf(int row, int page) => _scores + ((nint)row * _stride) + (page * Lanes);

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
                    if (headDimension % PageTiles.Width == 0 && (rows.Whole || rows.AllFill(i, Tile, page)))
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
        for (var part = 0; part < headDimension; part += PageTiles.Width)
        {
            PageTiles.Add(values + part, pa, pb, pc, pd, headDimension, a + part, b + part, c + part, d + part);
        }
    }

    private void Weigh1<T>(T* values, in SegmentRows rows, int member, int page, float* weights, float* target, int outputStride)
        where T : unmanaged
    {
        var row = rows.Row(member);
        var seen = Math.Min(Lanes, rows.Length(member) - (page * Lanes));
        var place = Place(row, target, outputStride);
        var part = 0;
        for (; part <= headDimension - PageTiles.Width; part += PageTiles.Width)
        {
            PageTiles.Add(values + part, weights + ((nint)row * _stride), seen, headDimension, place + part, PageTiles.Width);
        }

        for (; part < headDimension; part += Lanes)
        {
            PageTiles.Add(values + part, weights + ((nint)row * _stride), seen, headDimension, place + part, Lanes);
        }
    }

    /// <summary>Where a row of a head's query group belongs: rows of a token lie side by side, tokens a stride apart.</summary>
    private float* Place(int row, float* target, int outputStride)
    {
        var token = _group == 1 ? row : row / _group;
        return target + ((nint)token * outputStride) + ((row - (token * _group)) * headDimension);
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
