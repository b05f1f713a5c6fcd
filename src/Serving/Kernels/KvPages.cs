using System.Runtime.InteropServices;

namespace Serving.Kernels;

/// <summary>
/// Memory for keys and values in pages of <see cref="PageTokens"/> consecutive tokens of all layers and heads. A page may be shared by many rows (the
/// candidates of one prompt, a cached prefix) and goes back to the pool with its last holder. Memory grows with what is held, page by page. Not
/// thread-safe. In a page, of layer l and head h: keys transposed [hd, 16], so that one load gives a dimension of 16 tokens; values [16, hd].
/// </summary>
public sealed unsafe class KvPages(int layers, int heads, int headDimension) : IDisposable
{
    /// <summary>Tokens of a page: one 512-bit vector of fp32.</summary>
    public const int PageTokens = 16;

    private const nuint Alignment = 64;

    private readonly List<nint> _memory = [];
    private readonly List<int> _holders = [];
    private readonly Stack<int> _free = new();

    /// <summary>Values of one head's keys (or values) in a page.</summary>
    public int BlockSize { get; } = PageTokens * headDimension;

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => 2L * layers * heads * BlockSize * sizeof(float);

    /// <summary>Pages with at least one holder.</summary>
    public int InUse => _memory.Count - _free.Count;

    /// <summary>A page with one holder; what it contains is left over from before.</summary>
    public int Take()
    {
        if (!_free.TryPop(out var page))
        {
            page = _memory.Count;
            var memory = (nint)NativeMemory.AlignedAlloc((nuint)PageBytes, Alignment);
            new Span<byte>((void*)memory, (int)PageBytes).Clear();
            _memory.Add(memory);
            _holders.Add(0);
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

    public void Copy(int source, int target) =>
        Buffer.MemoryCopy((void*)_memory[source], (void*)_memory[target], PageBytes, PageBytes);

    /// <summary>Keys of one layer and head, [hd, 16].</summary>
    public float* Keys(int page, int layer, int head) => (float*)_memory[page] + (2L * ((layer * heads) + head) * BlockSize);

    /// <summary>Values of one layer and head, [16, hd].</summary>
    public float* Values(int page, int layer, int head) => Keys(page, layer, head) + BlockSize;

    public void Dispose()
    {
        _memory.ForEach(memory => NativeMemory.AlignedFree((void*)memory));
        _memory.Clear();
    }
}
