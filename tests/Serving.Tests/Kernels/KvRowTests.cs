using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

/// <summary>Pages and rows against a model of them: lists of tokens, each written under a number of its own.</summary>
public sealed unsafe class KvRowTests
{
    private const int Layers = 2;
    private const int Heads = 3;
    private const int Width = 16;

    [Theory]
    [InlineData(1, KvFormat.Float32)]
    [InlineData(2, KvFormat.Float32)]
    [InlineData(3, KvFormat.BFloat16)]
    public void Rows_that_grow_fork_and_go_in_any_order_keep_their_own_contents_and_hold_exactly_their_pages(int seed, KvFormat format)
    {
        var random = new Random(seed);
        using var pool = new KvPages(Layers, Heads, Width, format);
        var rows = new List<(KvRow Row, List<int> Tokens)>();
        var written = 0;
        for (var step = 0; step < 1500; step++)
        {
            switch (random.Next(4))
            {
                case 0 when rows.Count < 12:
                    rows.Add((new KvRow(), []));
                    break;
                case 1 when rows.Count is > 0 and < 12:
                    var (origin, tokens) = rows[random.Next(rows.Count)];
                    var length = random.Next(tokens.Count + 1);
                    var fork = new KvRow();
                    fork.Begin(pool, origin, length);
                    rows.Add((fork, tokens[..length]));
                    break;
                case 2 when rows.Count > 0 && random.Next(3) == 0:
                    var gone = random.Next(rows.Count);
                    rows[gone].Row.Clear(pool);
                    Assert.Equal((0, 0), (rows[gone].Row.Length, rows[gone].Row.Pages));
                    rows.RemoveAt(gone);
                    break;
                case 3 when rows.Count > 0:
                    var (grown, contents) = rows[random.Next(rows.Count)];
                    var count = random.Next(3) == 0 ? random.Next(1, 40) : 1;
                    grown.Grow(pool, contents.Count + count);
                    for (var i = 0; i < count; i++)
                    {
                        contents.Add(written = (written + 1) % 200);        // whole numbers that bfloat16 has
                        Write(pool, grown, contents.Count - 1, written);
                    }

                    grown.Commit(contents.Count);
                    break;
            }

            Assert.Equal(Distinct(rows), pool.InUse);
            if (step % 25 == 0)
            {
                Assert.All(rows, row => AssertContents(pool, row.Row, row.Tokens));
            }
        }

        Assert.Contains(rows, row => row.Tokens.Count > 48);

        // A page that had lost a holder would go too early, one with a holder too many never.
        while (rows.Count > 0)
        {
            var gone = random.Next(rows.Count);
            rows[gone].Row.Clear(pool);
            rows.RemoveAt(gone);
            Assert.Equal(Distinct(rows), pool.InUse);
            Assert.All(rows, row => AssertContents(pool, row.Row, row.Tokens));
        }
    }

    [Fact]
    public void A_fork_shares_whole_pages_and_copies_an_unfinished_one()
    {
        using var pool = new KvPages(Layers, Heads, Width, KvFormat.Float32);
        var (origin, whole, part) = (new KvRow(), new KvRow(), new KvRow());
        origin.Grow(pool, 40);
        origin.Commit(40);

        whole.Begin(pool, origin, 32);
        Assert.Equal(3, pool.InUse);
        Assert.Equal((origin[0], origin[1], 2, 32), (whole[0], whole[1], whole.Pages, whole.Length));

        part.Begin(pool, origin, 20);
        Assert.Equal(4, pool.InUse);
        Assert.Equal((origin[0], 2, 20), (part[0], part.Pages, part.Length));
        Assert.NotEqual(origin[1], part[1]);
    }

    [Fact]
    public void Pages_that_are_free_again_are_taken_before_new_memory()
    {
        using var pool = new KvPages(Layers, Heads, Width, KvFormat.BFloat16);
        Assert.Equal(2 * Layers * Heads * 16 * Width * 2, pool.PageBytes);
        int[] pages = [.. Enumerable.Range(0, 20).Select(_ => pool.Take())];
        Assert.Equal(20, pages.Distinct().Count());

        pool.Release(pages[3]);
        pool.Release(pages[11]);

        Assert.Equal(18, pool.InUse);
        Assert.Equal([pages[3], pages[11]], new[] { pool.Take(), pool.Take() }.Order());
    }

    [Fact]
    public void No_two_blocks_overlap_and_the_heads_of_a_page_follow_each_other()
    {
        using var pool = new KvPages(Layers, Heads, Width, KvFormat.Float32);
        var starts = new List<nint>();
        for (var i = 0; i < 11; i++)
        {
            var page = pool.Take();
            for (var layer = 0; layer < Layers; layer++)
            {
                for (var head = 0; head < Heads; head++)
                {
                    starts.AddRange([(nint)pool.Keys(page, layer, head), (nint)pool.Values(page, layer, head)]);
                    Assert.Equal(head * pool.BlockSize, (float*)pool.Keys(page, layer, head) - (float*)pool.Keys(page, layer, 0));
                }
            }
        }

        starts.Sort();
        Assert.All(starts.Zip(starts.Skip(1)), pair => Assert.True(pair.Second - pair.First >= pool.BlockSize * sizeof(float)));
    }

    private static int Distinct(List<(KvRow Row, List<int> Tokens)> rows) =>
        rows.SelectMany(row => Enumerable.Range(0, row.Row.Pages).Select(page => row.Row[page])).Distinct().Count();

    private static void Write(KvPages pool, KvRow row, int position, int number) => Each(pool, row, position, (place, part) =>
    {
        if (pool.Format == KvFormat.Float32)
        {
            *(float*)place = number + part;
        }
        else
        {
            *(ushort*)place = (ushort)(BitConverter.SingleToUInt32Bits(number + part) >> 16);
        }
    });

    private static void AssertContents(KvPages pool, KvRow row, List<int> tokens)
    {
        Assert.Equal(tokens.Count, row.Length);
        for (var position = 0; position < tokens.Count; position++)
        {
            Each(pool, row, position, (place, part) =>
            {
                var found = pool.Format == KvFormat.Float32 ? *(float*)place : BitConverter.UInt32BitsToSingle((uint)*(ushort*)place << 16);
                Assert.True(found == tokens[position] + part, $"Position {position}, part {part}: {found} instead of {tokens[position] + part}.");
            });
        }
    }

    /// <summary>Of a token in every layer and head: its first and last key and value.</summary>
    private static void Each(KvPages pool, KvRow row, int position, Action<nint, int> visit)
    {
        var (page, slot) = (row[position / 16], position % 16);
        var size = pool.Format == KvFormat.Float32 ? 4 : 2;
        var part = 0;
        for (var layer = 0; layer < Layers; layer++)
        {
            for (var head = 0; head < Heads; head++)
            {
                var (keys, values) = ((nint)pool.Keys(page, layer, head), (nint)pool.Values(page, layer, head));
                visit(keys + (slot * size), part++);
                visit(keys + ((((Width - 1) * 16) + slot) * size), part++);
                visit(values + (slot * Width * size), part++);
                visit(values + (((slot * Width) + Width - 1) * size), part++);
            }
        }
    }
}
