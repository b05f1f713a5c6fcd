using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// Tells answers that say something of their own: a rare word that neither the description nor its synopsis has. Common words ("tool", "library") say nothing
/// false by being new. Immutable.
/// </summary>
internal sealed class InventedWords
{
    private const int ShortestWord = 4;
    private const int RareShare = 2500;                                         // at most one synopsis in so many has a rare word's stem

    private readonly Dictionary<string, int> _synopses;
    private readonly int _rare;

    /// <param name="examples">Their synopses say what is rare.</param>
    public InventedWords(IReadOnlyList<TaskExample> examples)
    {
        _synopses = examples.SelectMany(example => SynopsisWords.Stems(example.Summary).Distinct()).CountBy(stem => stem).ToDictionary(StringComparer.Ordinal);
        _rare = examples.Count / RareShare;
    }

    public bool Any(string answer, TaskExample example)
    {
        var known = SynopsisWords.Stems($"{example.Document} {example.Summary}").ToHashSet(StringComparer.Ordinal);
        return SynopsisWords.Of(answer).Any(word =>
            word.Length >= ShortestWord && !known.Contains(SynopsisWords.Stem(word)) && _synopses.GetValueOrDefault(SynopsisWords.Stem(word)) <= _rare);
    }
}
