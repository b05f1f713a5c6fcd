using System.Text;

namespace Serving.Tokenization.Vocabularies;

/// <summary>
/// Byte-pair encoding (Sennrich et al., arXiv:1508.07909): the characters of a word, of which the neighbouring pair of lowest rank is merged until
/// none is left. Characters without an entry become their bytes or the unknown token. Immutable and thread-safe.
/// </summary>
internal sealed class BytePairModel(Dictionary<string, int> ids, Dictionary<long, BytePairModel.Merge> merges)
{
    /// <summary>Up to here scanning for the lowest rank is faster than a queue.</summary>
    private const int ShortWord = 48;

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();

    public required int? Unknown { get; init; }

    /// <summary>Neighbouring unknown characters are one unknown token.</summary>
    public required bool FuseUnknown { get; init; }

    public required int[]? ByteFallback { get; init; }

    /// <summary>A word that is an entry is that entry, whatever the merges would make of it.</summary>
    public required bool IgnoreMerges { get; init; }

    public static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    public void Encode(string word, List<int> tokens)
    {
        if (IgnoreMerges && ids.TryGetValue(word, out var whole))
        {
            tokens.Add(whole);
            return;
        }

        var symbols = Symbols(word);
        if (symbols.Count <= ShortWord)
        {
            MergeByScanning(symbols);
            tokens.AddRange(symbols);
        }
        else
        {
            MergeByQueue(symbols, tokens);
        }
    }

    private List<int> Symbols(string word)
    {
        var symbols = new List<int>(word.Length);
        var afterUnknown = false;
        Span<byte> bytes = stackalloc byte[4];
        for (var at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word.AsSpan(at), out var c, out var length);
            if (_ids.TryGetValue(word.AsSpan(at, length), out var id))
            {
                symbols.Add(id);
                afterUnknown = false;
            }
            else if (ByteFallback is not null)
            {
                foreach (var b in bytes[..c.EncodeToUtf8(bytes)])
                {
                    symbols.Add(ByteFallback[b]);
                }
            }
            else if (Unknown is { } unknown && !(afterUnknown && FuseUnknown))
            {
                symbols.Add(unknown);
                afterUnknown = true;
            }

            at += length;
        }

        return symbols;
    }

    private void MergeByScanning(List<int> symbols)
    {
        while (symbols.Count > 1)
        {
            var (best, at) = (new Merge(int.MaxValue, -1), -1);
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (merges.TryGetValue(Key(symbols[i], symbols[i + 1]), out var merge) && merge.Rank < best.Rank)
                {
                    (best, at) = (merge, i);
                }
            }

            if (at < 0)
            {
                return;
            }

            symbols[at] = best.Id;
            symbols.RemoveAt(at + 1);
        }
    }

    /// <summary>The same in O(n log n): text without a pre-tokeniser is one word, however long.</summary>
    private void MergeByQueue(List<int> symbols, List<int> tokens)
    {
        var next = new int[symbols.Count];
        var previous = new int[symbols.Count];
        var queue = new PriorityQueue<int, long>(symbols.Count);
        for (var i = 0; i < symbols.Count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1 < symbols.Count ? i + 1 : -1);
        }

        for (var i = 0; i + 1 < symbols.Count; i++)
        {
            Enqueue(i);
        }

        while (queue.TryDequeue(out var at, out var filed))
        {
            // An entry is stale when its symbol is gone or has another neighbour, and so another rank, than when it was filed.
            if (symbols[at] < 0 || next[at] < 0 || !merges.TryGetValue(Key(symbols[at], symbols[next[at]]), out var merge) || merge.Rank != filed >> 32)
            {
                continue;
            }

            var right = next[at];
            symbols[at] = merge.Id;
            symbols[right] = -1;
            next[at] = next[right];
            if (next[at] >= 0)
            {
                previous[next[at]] = at;
                Enqueue(at);
            }

            if (previous[at] >= 0)
            {
                Enqueue(previous[at]);
            }
        }

        tokens.AddRange(symbols.Where(symbol => symbol >= 0));

        void Enqueue(int at)
        {
            if (merges.TryGetValue(Key(symbols[at], symbols[next[at]]), out var merge))
            {
                queue.Enqueue(at, ((long)merge.Rank << 32) | (uint)at);
            }
        }
    }

    /// <param name="Rank">Lower is merged earlier.</param>
    /// <param name="Id">What the pair becomes.</param>
    internal readonly record struct Merge(int Rank, int Id);
}
