namespace Serving.Kernels;

/// <summary>
/// Memory for keys and values in pages of <see cref="PageTokens"/> consecutive tokens of all layers and heads. A page may be shared by many rows (the
/// candidates of one prompt, a cached prefix) and goes back to the pool with its last holder. Memory grows with what is held, page by page. Not
/// thread-safe. Keys are transposed, [hd, 16] per page, layer and head, so that one load gives a dimension of 16 tokens; values are [16, hd]. The keys
/// (and the values) of a layer in neighbouring pages lie one after the other, so that attention reads a row in few long streams.
/// </summary>
public sealed unsafe class KvPages(int layers, int heads, int headDimension, KvFormat format) : IDisposable
{
    /// <summary>Tokens of a page: one 512-bit vector of fp32.</summary>
    public const int PageTokens = 16;

    private const int PagesPerSlab = 8;          // what one request for memory brings, and what lies together

    private readonly List<HugeMemory> _slabs = [];
    private readonly List<int> _holders = [];
    private readonly PriorityQueue<int, int> _free = new();         // lowest first: neighbours for whoever takes several

    public KvFormat Format => format;

    /// <summary>Numbers of one head's keys (or values) in a page.</summary>
    public int BlockSize { get; } = PageTokens * headDimension;

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => 2L * layers * heads * BlockBytes;

    /// <summary>Pages with at least one holder.</summary>
    public int InUse => _holders.Count - _free.Count;

    /// <summary>A page with one holder; what it contains is left over from before.</summary>
    public int Take()
    {
        if (!_free.TryDequeue(out var page, out _))
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
            _free.Enqueue(page, page);
        }
    }

    public void Copy(int source, int target)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            var bytes = heads * BlockBytes;
            Buffer.MemoryCopy(Keys(source, layer, 0), Keys(target, layer, 0), bytes, bytes);
            Buffer.MemoryCopy(Values(source, layer, 0), Values(target, layer, 0), bytes, bytes);
        }
    }

    /// <summary>Keys of one layer and head, [hd, 16]; the next head's follow.</summary>
    public void* Keys(int page, int layer, int head) => Block(page, 2 * layer, head);

    /// <summary>Values of one layer and head, [16, hd]; the next head's follow.</summary>
    public void* Values(int page, int layer, int head) => Block(page, (2 * layer) + 1, head);

    public void Dispose()
    {
        _slabs.ForEach(slab => slab.Dispose());
        _slabs.Clear();
    }

    private long BlockBytes => (long)BlockSize * (format == KvFormat.Float32 ? sizeof(float) : sizeof(ushort));

    private void* Block(int page, int part, int head) =>
        (byte*)_slabs[page / PagesPerSlab].Address + (((((long)part * PagesPerSlab) + (page % PagesPerSlab)) * heads) + head) * BlockBytes;

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
            _free.Enqueue(page, page);
        }

        return first;
    }
}

/// <summary>How keys and values are kept.</summary>
public enum KvFormat
{
    Float32,

    /// <summary>The upper half of fp32, rounded to nearest: half the memory to read in each step.</summary>
    BFloat16,
}
