using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Makes a synopsis wrong or worse in one stated way, deterministically from the given source of randomness.</summary>
internal sealed class SynopsisDamage
{
    private const int Tries = 8;

    private readonly Dictionary<WordClass, string[]> _pool;

    /// <param name="examples">Their synopses give the words that are swapped in.</param>
    public SynopsisDamage(IReadOnlyList<TaskExample> examples) =>
        _pool = examples.SelectMany(example => example.Summary.Split(' ')).Where(IsContent).Distinct(StringComparer.Ordinal)
            .GroupBy(ClassOf).ToDictionary(words => words.Key, words => words.ToArray());

    private enum WordClass
    {
        Number,
        Name,
        Word,
    }

    /// <summary>
    /// One or two content words replaced by others of their class (number, name, word) that the description does not have; every word of the synopses
    /// is as likely, for a frequent one often changes nothing that matters. Null when there is nothing to replace or to replace it by.
    /// </summary>
    public string? Swap(string synopsis, string document, Random random)
    {
        var words = synopsis.Split(' ');
        var content = Enumerable.Range(0, words.Length).Where(i => IsContent(words[i])).ToArray();
        var known = SynopsisWords.Stems($"{document} {synopsis}").ToHashSet(StringComparer.Ordinal);
        random.Shuffle(content);
        var swapped = false;
        foreach (var i in content.Take(random.Next(1, 3)))
        {
            if (_pool.TryGetValue(ClassOf(words[i]), out var pool)
                && random.GetItems(pool, Tries).FirstOrDefault(word => !SynopsisWords.Stems(word).Any(known.Contains)) is { } other)
            {
                (words[i], swapped) = (other, true);
            }
        }

        return swapped ? string.Join(' ', words) : null;
    }

    /// <summary>The first half of one synopsis and the second half of another.</summary>
    public static string Recombine(string synopsis, string other)
    {
        var (first, second) = (synopsis.Split(' '), other.Split(' '));
        return string.Join(' ', [.. first[..((first.Length + 1) / 2)], .. second[(second.Length / 2)..]]);
    }

    /// <summary>The last third to two thirds of the words left out.</summary>
    public static string Truncate(string synopsis, Random random)
    {
        var words = synopsis.Split(' ');
        return string.Join(' ', words[..Math.Max(1, words.Length - random.Next(Math.Max(1, words.Length / 3), Math.Max(2, (2 * words.Length / 3) + 1)))]);
    }

    /// <summary>A run of words said twice, as small policies do.</summary>
    public static string Repeat(string synopsis, Random random)
    {
        var words = synopsis.Split(' ').ToList();
        var length = random.Next(1, Math.Min(4, words.Count) + 1);
        var at = random.Next(words.Count - length + 1);
        words.InsertRange(at + length, words.GetRange(at, length));
        return string.Join(' ', words);
    }

    /// <summary>The words in another order.</summary>
    public static string Shuffle(string synopsis, Random random)
    {
        var words = synopsis.Split(' ');
        random.Shuffle(words);
        return string.Join(' ', words);
    }

    /// <summary>The beginning of the description, as an extractive summary would have it.</summary>
    public static string FirstSentence(string document)
    {
        var end = document.IndexOf(". ", StringComparison.Ordinal);
        var sentence = (end < 0 ? document : document[..(end + 1)]).ReplaceLineEndings(" ");
        return sentence.Length <= 160 ? sentence : sentence[..160];
    }

    private static bool IsContent(string word) => word.Length >= 4 || (word.Length > 0 && word.All(char.IsAsciiDigit));

    private static WordClass ClassOf(string word) =>
        word.All(char.IsAsciiDigit) ? WordClass.Number
        : word.Any(letter => char.IsUpper(letter) || char.IsAsciiDigit(letter)) ? WordClass.Name
        : WordClass.Word;
}
