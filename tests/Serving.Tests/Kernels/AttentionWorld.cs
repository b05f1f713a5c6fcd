using Serving.Kernels;

namespace Serving.Tests.Kernels;

/// <summary>
/// Rows whose queries, keys and values are numbers drawn from a token's id and position, so that what a token's attention must be follows from the ids
/// before it. Freed and fresh pages are full of NaN: whatever is read without having been written shows.
/// </summary>
internal sealed unsafe class AttentionWorld : IDisposable
{
    private const int Layers = 2;
    private const int Layer = 1;

    private readonly int _heads;
    private readonly int _keyHeads;
    private readonly int _width;
    private readonly KvPages _pages;
    private readonly PagedAttention _attention;
    private readonly AttentionPlan _plan = new();
    private readonly Dictionary<(int Token, int Position, char Kind, int Head), float[]> _numbers = [];

    public AttentionWorld(int heads, int keyHeads, int width, KvFormat format)
    {
        (_heads, _keyHeads, _width) = (heads, keyHeads, width);
        _pages = new KvPages(Layers, keyHeads, width, format);
        _attention = new PagedAttention(_pages, heads, keyHeads, width);
        int[] all = [.. Enumerable.Range(0, 64).Select(_ => _pages.Take())];
        foreach (var page in all)
        {
            Spoil(page);
            _pages.Release(page);
        }
    }

    /// <summary>Pages that rows hold.</summary>
    public int PagesInUse => _pages.InUse;

    public sealed record Row(KvRow Pages, List<int> Tokens);

    public Row Open() => new(new KvRow(), []);

    public Row Fork(Row origin, int length)
    {
        var fork = new KvRow();
        fork.Begin(_pages, origin.Pages, length);
        return new Row(fork, origin.Tokens[..length]);
    }

    public void Close(Row row)
    {
        // Pages that go with it must not be of any use to others.
        int[] held = [.. Enumerable.Range(0, row.Pages.Pages).Select(i => row.Pages[i])];
        var before = _pages.InUse;
        row.Pages.Clear(_pages);
        if (before - _pages.InUse == held.Length)
        {
            Array.ForEach(held, Spoil);
        }
    }

    /// <summary>One step: each row grows by its tokens. Results by row: a vector of all heads, [heads * hd], for each token.</summary>
    /// <param name="growth">Rows and their new tokens.</param>
    /// <param name="cuts">The key heads are done in this many parts at the same time.</param>
    public List<float[][]> Step(IReadOnlyList<(Row Row, int[] Tokens)> growth, int cuts = 1)
    {
        _plan.Begin();
        foreach (var (row, tokens) in growth)
        {
            row.Pages.Grow(_pages, row.Tokens.Count + tokens.Length);
            _plan.Add(row.Pages, tokens.Length);
        }

        _plan.Finish();
        _attention.Begin(_plan);
        var number = 0;
        foreach (var (row, tokens) in growth)
        {
            foreach (var token in tokens)
            {
                Project(row, token, number++);
            }

            row.Pages.Commit(row.Tokens.Count);
        }

        var stride = (_heads * _width) + 3;
        var output = new float[number * stride];
        Array.Fill(output, float.NaN);
        fixed (float* target = output)
        {
            var address = (nint)target;
            Parallel.For(0, cuts, cut => _attention.Run(_plan, Layer, cut * _keyHeads / cuts, (cut + 1) * _keyHeads / cuts, (float*)address, stride));
        }

        number = 0;
        return [.. growth.Select(row => row.Tokens.Select(_ => output.AsSpan(number++ * stride, _heads * _width).ToArray()).ToArray())];
    }

    /// <summary>The same in double precision, from the ids alone: softmax(q k^T / sqrt(hd)) v of the last token.</summary>
    public double[] Reference(IReadOnlyList<int> tokens, Func<float, float> stored)
    {
        var last = tokens.Count - 1;
        var output = new double[_heads * _width];
        for (var head = 0; head < _heads; head++)
        {
            var shared = head / (_heads / _keyHeads);
            var query = Numbers(tokens[last], last, 'q', head);
            var scores = new double[tokens.Count];
            for (var position = 0; position < tokens.Count; position++)
            {
                var key = Numbers(tokens[position], position, 'k', shared);
                scores[position] = query.Zip(key, (q, k) => (double)q * stored(k)).Sum() / Math.Sqrt(_width);
            }

            var top = scores.Max();
            var sum = scores.Sum(score => Math.Exp(score - top));
            for (var position = 0; position < tokens.Count; position++)
            {
                var value = Numbers(tokens[position], position, 'v', shared);
                for (var i = 0; i < _width; i++)
                {
                    output[(head * _width) + i] += Math.Exp(scores[position] - top) / sum * stored(value[i]);
                }
            }
        }

        return output;
    }

    public void Dispose()
    {
        _attention.Dispose();
        _pages.Dispose();
    }

    private void Project(Row row, int token, int number)
    {
        var position = row.Tokens.Count;
        row.Tokens.Add(token);
        for (var head = 0; head < _heads; head++)
        {
            var query = Numbers(token, position, 'q', head);
            var target = _attention.Query(number, head);
            for (var i = 0; i < _width; i++)
            {
                target[i] = query[i] / MathF.Sqrt(_width);
            }
        }

        for (var head = 0; head < _keyHeads; head++)
        {
            fixed (float* key = Numbers(token, position, 'k', head), value = Numbers(token, position, 'v', head))
            {
                _attention.Store(row.Pages, position, Layer, head, key, value);
            }
        }
    }

    /// <summary>Queries and keys large enough that some positions weigh much more than others.</summary>
    private float[] Numbers(int token, int position, char kind, int head)
    {
        if (!_numbers.TryGetValue((token, position, kind, head), out var numbers))
        {
            var random = new Random((((token * 1009) + position) * 31) + (kind * 97) + head);
            numbers = _numbers[(token, position, kind, head)] = [.. Enumerable.Range(0, _width).Select(_ => ((2 * random.NextSingle()) - 1) * 1.7f)];
        }

        return numbers;
    }

    private void Spoil(int page)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            for (var head = 0; head < _keyHeads; head++)
            {
                Fill(_pages.Keys(page, layer, head));
                Fill(_pages.Values(page, layer, head));
            }
        }

        void Fill(void* block) => new Span<ushort>(block, _pages.BlockSize * (_pages.Format == KvFormat.Float32 ? 2 : 1)).Fill(0x7FC1);
    }
}
