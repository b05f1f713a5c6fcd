namespace Serving.Kernels;

/// <summary>
/// Memory for keys and values in pages of <see cref="PageTokens"/> consecutive tokens of all layers and heads. A page may be shared by many rows (the
/// candidates of one prompt, a cached prefix) and goes back to the pool with its last holder. Memory grows with what is held, page by page. Not
/// thread-safe. Of a page and layer: keys of all heads, each transposed [hd, 16], so that one load gives a dimension of 16 tokens; then values of all
/// heads, each [16, hd]. Pages that are taken one after the other lie so in memory, layer by layer: attention reads them in one stream.
/// </summary>
public sealed unsafe class KvPages(int layers, int heads, int headDimension) : IDisposable
{
    /// <summary>Tokens of a page: one 512-bit vector of fp32.</summary>
    public const int PageTokens = 16;

    private const int PagesPerSlab = 8;          // what one request for memory brings, and what lies together

    private readonly List<HugeMemory> _slabs = [];
    private readonly List<int> _holders = [];
    private readonly Stack<int> _free = new();

    /// <summary>Values of one head's keys (or values) in a page.</summary>
    public int BlockSize { get; } = PageTokens * headDimension;

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => 2L * layers * heads * BlockSize * sizeof(float);

    /// <summary>Pages with at least one holder.</summary>
    public int InUse => _holders.Count - _free.Count;

    /// <summary>A page with one holder; what it contains is left over from before.</summary>
    public int Take()
    {
        if (!_free.TryPop(out var page))
        {
            page = AddSlab();
        }

        _holders[page] = 1;
        return page;
    }

    /// <summary>One holder more.</summary>
    public void Share(int page) => _holders[page]++;

    /// <summary>One holder less.</summary>
    public void Release(int page)
    {
        if (--_holders[page] == 0)
        {
            _free.Push(page);
        }
    }

    public void Copy(int source, int target)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            Buffer.MemoryCopy(Keys(source, layer, 0), Keys(target, layer, 0), PageBytes / layers, PageBytes / layers);
        }
    }

    /// <summary>Keys of one layer and head, [hd, 16]; the next head's follow.</summary>
    public float* Keys(int page, int layer, int head) =>
        (float*)_slabs[page / PagesPerSlab].Address + (((((long)layer * PagesPerSlab) + (page % PagesPerSlab)) * 2 * heads) + head) * BlockSize;

    /// <summary>Values of one layer and head, [16, hd]; the next head's follow.</summary>
    public float* Values(int page, int layer, int head) => Keys(page, layer, heads + head);

    public void Dispose()
    {
        _slabs.ForEach(slab => slab.Dispose());
        _slabs.Clear();
    }

    /// <summary>More memory for pages; one of them is returned, the others are free.</summary>
    private int AddSlab()
    {
        var slab = new HugeMemory(PageBytes * PagesPerSlab);
        _slabs.Add(slab);
        var first = _holders.Count;
        for (var page = first; page < first + PagesPerSlab; page++)
        {
            _holders.Add(0);
        }

        for (var page = _holders.Count - 1; page > first; page--)
        {
            _free.Push(page);
        }

        return first;
    }
}
