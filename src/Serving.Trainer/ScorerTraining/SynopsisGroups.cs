using Serving.Trainer.Evaluation;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// For one description: its own synopsis and others of stated kinds. Kinds are drawn by the task's weights; everything is a function of the
/// source of randomness that is passed in. Used from one thread (retrieved ones are remembered).
/// </summary>
internal sealed class SynopsisGroups
{
    private const int LeastRetrieved = 4;
    private const int RetrievedShare = 360;                                     // the nearest one in so many: as hard among 25,000 as among 1,500
    private const int DrawsForPair = 4;
    private const double ClearlyCloser = 0.1;                                   // ROUGE-L between two answers that are compared

    private static readonly (SynopsisKind Kind, double Weight)[] _entailment =
    [
        (SynopsisKind.Retrieved, 1), (SynopsisKind.Swapped, 1), (SynopsisKind.Random, 0.5), (SynopsisKind.Recombined, 0.4), (SynopsisKind.Invented, 0.4),
    ];

    private static readonly (SynopsisKind Kind, double Weight)[] _reward =
    [
        (SynopsisKind.Retrieved, 0.6), (SynopsisKind.Truncated, 0.5), (SynopsisKind.Repeated, 0.3), (SynopsisKind.Shuffled, 0.2),
        (SynopsisKind.FirstSentence, 0.3), (SynopsisKind.Random, 0.3),
    ];

    private readonly ScorerTask _task;
    private readonly SynopsisRetrieval _retrieval;
    private readonly SynopsisDamage _damage;
    private readonly InventedWords _invented;
    private readonly IReadOnlyDictionary<string, string[]> _samples;
    private readonly (SynopsisKind Kind, double Weight)[] _drawn;
    private readonly Dictionary<int, IReadOnlyList<int>> _nearest = [];

    /// <param name="samples">A policy's answers by the id of the description (<see cref="PolicySamples"/>).</param>
    public SynopsisGroups(IReadOnlyList<TaskExample> examples, ScorerTask task, IReadOnlyDictionary<string, string[]> samples)
    {
        Examples = examples;
        _task = task;
        _samples = samples;
        _retrieval = new SynopsisRetrieval(examples);
        _damage = new SynopsisDamage(examples);
        _invented = new InventedWords(examples);
        _drawn = [.. (task == ScorerTask.Entailment ? _entailment : _reward).Where(kind => kind.Kind != SynopsisKind.Invented || samples.Count > 0)];
        Kinds = [.. _drawn.Select(kind => kind.Kind), .. task == ScorerTask.Reward && samples.Count > 0 ? [SynopsisKind.Sampled] : Array.Empty<SynopsisKind>()];
    }

    public IReadOnlyList<TaskExample> Examples { get; }

    /// <summary>Every kind that groups hold beside the own synopsis.</summary>
    public IReadOnlyList<SynopsisKind> Kinds { get; }

    /// <summary>
    /// The own synopsis and <paramref name="size"/> - 1 others. Half of a reward's groups are the policy's answers where there are any: the own synopsis is better than
    /// each, and of two the one that is clearly closer to it.
    /// </summary>
    public SynopsisGroup Draw(int index, int size, Random random)
    {
        var own = Examples[index].Summary;
        var (synopses, kinds) = (new List<string> { own }, new List<SynopsisKind> { SynopsisKind.Own });
        var preferences = new List<(int, int)>();
        if (_task == ScorerTask.Reward && _samples.TryGetValue(Examples[index].Id, out var samples))
        {
            var answers = random.GetItems(samples, size / 2).Distinct().Where(answer => !string.Equals(answer, own, StringComparison.OrdinalIgnoreCase)).ToArray();
            synopses.AddRange(answers);
            kinds.AddRange(answers.Select(_ => SynopsisKind.Sampled));
            preferences.AddRange(Closer([.. answers.Select(answer => Rouge.L(answer, own))]));
        }

        while (synopses.Count < size)
        {
            var kind = DrawKind(random);
            if (Make(index, kind, random) is { } made)
            {
                synopses.Add(made);
                kinds.Add(kind);
            }
        }

        preferences.AddRange(Enumerable.Range(1, synopses.Count - 1).Select(worse => (0, worse)));
        return new SynopsisGroup(index, synopses, kinds, preferences);
    }

    /// <summary>Of every two answers that differ clearly the closer one first; the own synopsis is number 0 of the group.</summary>
    private static IEnumerable<(int Better, int Worse)> Closer(double[] closeness) =>
        from a in Enumerable.Range(0, closeness.Length)
        from b in Enumerable.Range(0, closeness.Length)
        where closeness[a] - closeness[b] >= ClearlyCloser
        select (1 + a, 1 + b);

    /// <summary>Two of the policy's answers, first the one that is clearly closer to the own synopsis (ROUGE-L); null where there are no such two.</summary>
    public (string Closer, string Other)? Pair(int index, Random random)
    {
        var example = Examples[index];
        if (!_samples.TryGetValue(example.Id, out var answers))
        {
            return null;
        }

        for (var draw = 0; draw < DrawsForPair; draw++)
        {
            var (a, b) = (answers[random.Next(answers.Length)], answers[random.Next(answers.Length)]);
            var (closeA, closeB) = (Rouge.L(a, example.Summary), Rouge.L(b, example.Summary));
            if (Math.Abs(closeA - closeB) >= ClearlyCloser && Math.Max(closeA, closeB) < 1)
            {
                return closeA > closeB ? (a, b) : (b, a);
            }
        }

        return null;
    }

    /// <summary>A synopsis of the kind for the description of <paramref name="index"/>; null when there is none that differs from its own.</summary>
    public string? Make(int index, SynopsisKind kind, Random random)
    {
        var example = Examples[index];
        var made = kind switch
        {
            SynopsisKind.Own => example.Summary,
            SynopsisKind.Retrieved => Retrieved(index, random),
            SynopsisKind.Swapped => _damage.Swap(example.Summary, example.Document, random),
            SynopsisKind.Random => Examples[random.Next(Examples.Count)].Summary,
            SynopsisKind.Recombined => Retrieved(index, random) is { } other ? SynopsisDamage.Recombine(example.Summary, other) : null,
            SynopsisKind.Invented => Answer(example, random) is { } answer && _invented.Any(answer, example) ? answer : null,
            SynopsisKind.Truncated => SynopsisDamage.Truncate(example.Summary, random),
            SynopsisKind.Repeated => SynopsisDamage.Repeat(example.Summary, random),
            SynopsisKind.Shuffled => SynopsisDamage.Shuffle(example.Summary, random),
            SynopsisKind.FirstSentence => SynopsisDamage.FirstSentence(example.Document),
            SynopsisKind.Sampled => Answer(example, random),
            _ => null,
        };
        return kind == SynopsisKind.Own || (made is not null && !string.Equals(made, example.Summary, StringComparison.OrdinalIgnoreCase)) ? made : null;
    }

    private string? Answer(TaskExample example, Random random) =>
        _samples.TryGetValue(example.Id, out var answers) ? answers[random.Next(answers.Length)] : null;

    private string? Retrieved(int index, Random random)
    {
        if (!_nearest.TryGetValue(index, out var near))
        {
            _nearest[index] = near = _retrieval.Nearest(index, Math.Max(LeastRetrieved, Examples.Count / RetrievedShare));
        }

        return near.Count > 0 ? Examples[near[random.Next(near.Count)]].Summary : null;
    }

    private SynopsisKind DrawKind(Random random)
    {
        var at = random.NextDouble() * _drawn.Sum(kind => kind.Weight);
        foreach (var (kind, weight) in _drawn)
        {
            at -= weight;
            if (at < 0)
            {
                return kind;
            }
        }

        return _drawn[^1].Kind;
    }
}
