using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// Finds the synopses of other packages that share the rarest words with a description: hard negatives for a scorer. A retrieved synopsis that
/// shares most of its words with the own one may be true and is left out. Immutable after construction.
/// </summary>
internal sealed class SynopsisRetrieval
{
    private const int CommonWord = 600;                                         // a word in more synopses says little and costs much
    private const double LooksTrue = 0.5;

    private readonly IReadOnlyList<TaskExample> _examples;
    private readonly Dictionary<string, List<int>> _where = [];
    private readonly HashSet<string>[] _words;

    public SynopsisRetrieval(IReadOnlyList<TaskExample> examples)
    {
        _examples = examples;
        _words = [.. examples.Select(example => SynopsisWords.Of(example.Summary).ToHashSet())];
        for (var i = 0; i < examples.Count; i++)
        {
            foreach (var word in _words[i])
            {
                if (!_where.TryGetValue(word, out var list))
                {
                    _where[word] = list = [];
                }

                list.Add(i);
            }
        }
    }

    /// <summary>Indices of the best <paramref name="most"/> others for the description of <paramref name="index"/>.</summary>
    public IReadOnlyList<int> Nearest(int index, int most)
    {
        var weights = new Dictionary<int, double>();
        foreach (var word in SynopsisWords.Of(_examples[index].Document).Distinct())
        {
            if (_where.TryGetValue(word, out var list) && list.Count <= CommonWord)
            {
                var weight = Math.Log(_examples.Count / (double)list.Count);
                foreach (var other in list)
                {
                    weights[other] = weights.GetValueOrDefault(other) + weight;
                }
            }
        }

        return [.. weights.Where(pair => pair.Key != index && Overlap(pair.Key, index) < LooksTrue)
            .OrderByDescending(pair => pair.Value / Math.Sqrt(_words[pair.Key].Count)).ThenBy(pair => pair.Key).Take(most).Select(pair => pair.Key)];
    }

    /// <summary>Share of the smaller word set that the two synopses have in common.</summary>
    private double Overlap(int a, int b)
    {
        var shared = _words[a].Count(_words[b].Contains);
        return shared / (double)Math.Max(1, Math.Min(_words[a].Count, _words[b].Count));
    }
}
