namespace Serving.Trainer.Datasets;

/// <summary>
/// Texts that were let in, by their word trigrams: a new one is refused when it shares too many with one of them. Within a source package the
/// share is of the shorter text, since siblings repeat each other's paragraphs; otherwise it is Jaccard's. Not thread-safe.
/// </summary>
internal sealed class NearDuplicates
{
    private const int Gram = 3;
    private const double MostWithinSource = 0.1;
    private const double MostBetweenSources = 0.4;

    private readonly List<(int Grams, string Source)> _texts = [];
    private readonly Dictionary<ulong, List<int>> _byGram = [];

    /// <summary>Lets the text in, or says no.</summary>
    public bool Add(string source, string text)
    {
        var grams = Grams(DescriptionText.Words(text));
        var shared = new int[_texts.Count];
        foreach (var gram in grams)
        {
            foreach (var index in _byGram.TryGetValue(gram, out var users) ? users : [])
            {
                shared[index]++;
            }
        }

        for (var i = 0; i < shared.Length; i++)
        {
            if (shared[i] > 0 && TooNear(shared[i], grams.Count, _texts[i], source))
            {
                return false;
            }
        }

        foreach (var gram in grams)
        {
            if (!_byGram.TryGetValue(gram, out var texts))
            {
                _byGram[gram] = texts = [];
            }

            texts.Add(_texts.Count);
        }

        _texts.Add((grams.Count, source));
        return true;
    }

    private static bool TooNear(int shared, int grams, (int Grams, string Source) other, string source) =>
        other.Source == source
            ? shared >= MostWithinSource * Math.Min(grams, other.Grams)
            : shared >= MostBetweenSources * (grams + other.Grams - shared);

    /// <summary>Distinct trigrams as FNV-1a hashes, so that the same lists give the same set everywhere.</summary>
    private static HashSet<ulong> Grams(string[] words)
    {
        var grams = new HashSet<ulong>();
        for (var i = 0; i + Gram <= words.Length; i++)
        {
            var hash = 14695981039346656037UL;
            foreach (var letter in string.Join(' ', words, i, Gram))
            {
                hash = unchecked((hash ^ letter) * 1099511628211UL);
            }

            grams.Add(hash);
        }

        return grams;
    }
}
