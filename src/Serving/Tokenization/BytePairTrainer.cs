using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Serving.Tokenization;

/// <summary>
/// Trains a byte-level BPE vocabulary: words by GPT-2's pattern, then the most frequent neighbouring pair is merged until the vocabulary is
/// full (Sennrich et al., arXiv:1508.07909). Deterministic: ties go to the pair with the smaller ids. Pair counts are kept up to date per word,
/// so a merge costs only the words that hold the pair.
/// </summary>
public static partial class BytePairTrainer
{
    /// <param name="texts">Training texts; read once.</param>
    /// <param name="vocabularySize">Entries in all: specials + 256 bytes + merges. Fewer when the texts have no more pairs.</param>
    /// <param name="specials">Special tokens; they take the first ids.</param>
    public static BytePairVocabulary Train(IEnumerable<string> texts, int vocabularySize, IReadOnlyList<string> specials)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, specials.Count + 256);
        var entries = Enumerable.Range(0, 256).Select(b => ByteAlphabet.CharOf((byte)b).ToString()).ToList();
        var merges = new List<string>();
        var words = CountWords(texts);
        var pairs = new PairTable(words);
        while (specials.Count + entries.Count < vocabularySize && pairs.TakeMostFrequent() is var (left, right))
        {
            merges.Add($"{entries[left]} {entries[right]}");
            entries.Add(entries[left] + entries[right]);
            pairs.Merge(left, right, entries.Count - 1);
        }

        return new BytePairVocabulary(specials, entries, merges);
    }

    private static List<Word> CountWords(IEnumerable<string> texts)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            foreach (var match in WordPattern().EnumerateMatches(text))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(counts, text.Substring(match.Index, match.Length), out _)++;
            }
        }

        return [.. counts.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => new Word([.. Encoding.UTF8.GetBytes(pair.Key).Select(b => (int)b)], pair.Value))];
    }

    [GeneratedRegex(WordPatterns.Gpt2, RegexOptions.CultureInvariant)]
    private static partial Regex WordPattern();

    private sealed record Word(List<int> Symbols, long Count);

    /// <summary>Counts of neighbouring pairs, the words that hold each, and a queue whose stale entries are re-filed when met.</summary>
    private sealed class PairTable
    {
        private readonly List<Word> _words;
        private readonly Dictionary<(int, int), long> _counts = [];
        private readonly Dictionary<(int, int), HashSet<int>> _where = [];
        private readonly PriorityQueue<(int, int), (long, int, int)> _queue = new();

        public PairTable(List<Word> words)
        {
            _words = words;
            for (var w = 0; w < words.Count; w++)
            {
                Count(w, +1);
            }

            foreach (var (pair, count) in _counts)
            {
                _queue.Enqueue(pair, (-count, pair.Item1, pair.Item2));
            }
        }

        public (int Left, int Right)? TakeMostFrequent()
        {
            while (_queue.TryDequeue(out var pair, out var filed))
            {
                var count = _counts.GetValueOrDefault(pair);
                if (count == -filed.Item1 && count > 1)
                {
                    return pair;
                }

                if (count > 1 && count < -filed.Item1)
                {
                    _queue.Enqueue(pair, (-count, pair.Item1, pair.Item2));       // it has lost words since it was filed
                }
            }

            return null;
        }

        public void Merge(int left, int right, int merged)
        {
            var grown = new HashSet<(int, int)>();
            foreach (var w in _where[(left, right)].Order().ToArray())
            {
                Count(w, -1);
                var symbols = _words[w].Symbols;
                for (var i = 0; i + 1 < symbols.Count; i++)
                {
                    if (symbols[i] == left && symbols[i + 1] == right)
                    {
                        symbols[i] = merged;
                        symbols.RemoveAt(i + 1);
                    }
                }

                Count(w, +1);
                for (var i = 0; i + 1 < symbols.Count; i++)
                {
                    if (symbols[i] == merged || symbols[i + 1] == merged)
                    {
                        grown.Add((symbols[i], symbols[i + 1]));
                    }
                }
            }

            foreach (var pair in grown)
            {
                _queue.Enqueue(pair, (-_counts[pair], pair.Item1, pair.Item2));
            }
        }

        private void Count(int w, int sign)
        {
            var (symbols, count) = _words[w];
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                var pair = (symbols[i], symbols[i + 1]);
                CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += sign * count;
                ref var where = ref CollectionsMarshal.GetValueRefOrAddDefault(_where, pair, out _);
                if (sign > 0)
                {
                    (where ??= []).Add(w);
                }
                else
                {
                    where?.Remove(w);
                }
            }
        }
    }
}
