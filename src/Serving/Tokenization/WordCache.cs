using System.Collections.Concurrent;

namespace Serving.Tokenization;

/// <summary>Ids of words that were met before: most of any text is the same few thousand words. Bounded; thread-safe.</summary>
internal sealed class WordCache
{
    /// <summary>Longer words are rare, and each would cost much of the memory.</summary>
    public const int LongestWord = 48;

    private const int MostWords = 1 << 15;

    private readonly ConcurrentDictionary<string, int[]> _words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private int _count;

    public WordCache() => _bySpan = _words.GetAlternateLookup<ReadOnlySpan<char>>();

    public bool TryGet(ReadOnlySpan<char> word, out int[]? ids) => _bySpan.TryGetValue(word, out ids);

    public void Add(ReadOnlySpan<char> word, int[] ids)
    {
        if (_count < MostWords && _bySpan.TryAdd(word, ids))
        {
            Interlocked.Increment(ref _count);
        }
    }
}
