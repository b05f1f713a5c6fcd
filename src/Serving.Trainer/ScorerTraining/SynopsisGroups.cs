using System.Text.Json;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// For one description: its own synopsis and others of stated kinds. Kinds are drawn by the task's weights; everything is a function of the
/// source of randomness that is passed in. Immutable after construction.
/// </summary>
internal sealed class SynopsisGroups
{
    private const int RetrievedEach = 4;

    private static readonly (SynopsisKind Kind, double Weight)[] _entailment =
    [
        (SynopsisKind.Retrieved, 1), (SynopsisKind.Swapped, 1), (SynopsisKind.Random, 0.3),
    ];

    private static readonly (SynopsisKind Kind, double Weight)[] _reward =
    [
        (SynopsisKind.Retrieved, 0.6), (SynopsisKind.Truncated, 0.4), (SynopsisKind.Repeated, 0.4), (SynopsisKind.Shuffled, 0.3),
        (SynopsisKind.FirstSentence, 0.3), (SynopsisKind.Swapped, 0.4), (SynopsisKind.Sampled, 2),
    ];

    private readonly SynopsisRetrieval _retrieval;
    private readonly SynopsisDamage _damage;
    private readonly Dictionary<string, string[]> _samples;
    private readonly Dictionary<int, IReadOnlyList<int>> _nearest = [];

    public SynopsisGroups(IReadOnlyList<TaskExample> examples, ScorerTask task, string? samples)
    {
        Examples = examples;
        Kinds = task == ScorerTask.Entailment ? _entailment : _reward;
        _retrieval = new SynopsisRetrieval(examples);
        _damage = new SynopsisDamage(examples);
        _samples = samples is null ? [] : ReadSamples(samples);
    }

    public IReadOnlyList<TaskExample> Examples { get; }

    public IReadOnlyList<(SynopsisKind Kind, double Weight)> Kinds { get; }

    /// <summary>A synopsis of the kind for the description of <paramref name="index"/>; null when there is none that differs from its own.</summary>
    public string? Make(int index, SynopsisKind kind, Random random)
    {
        var example = Examples[index];
        var made = kind switch
        {
            SynopsisKind.Own => example.Summary,
            SynopsisKind.Retrieved => Nearest(index) is { Count: > 0 } near ? Examples[near[random.Next(near.Count)]].Summary : null,
            SynopsisKind.Swapped => _damage.Swap(example.Summary, random),
            SynopsisKind.Random => Examples[random.Next(Examples.Count)].Summary,
            SynopsisKind.Truncated => SynopsisDamage.Truncate(example.Summary, random),
            SynopsisKind.Repeated => SynopsisDamage.Repeat(example.Summary, random),
            SynopsisKind.Shuffled => SynopsisDamage.Shuffle(example.Summary, random),
            SynopsisKind.FirstSentence => SynopsisDamage.FirstSentence(example.Document),
            SynopsisKind.Sampled => _samples.TryGetValue(example.Id, out var sampled) ? sampled[random.Next(sampled.Length)] : null,
            _ => null,
        };
        return kind == SynopsisKind.Own || (made is not null && !string.Equals(made, example.Summary, StringComparison.OrdinalIgnoreCase)) ? made : null;
    }

    /// <summary>A kind drawn by the task's weights.</summary>
    public SynopsisKind DrawKind(Random random)
    {
        var at = random.NextDouble() * Kinds.Sum(kind => kind.Weight);
        foreach (var (kind, weight) in Kinds)
        {
            at -= weight;
            if (at < 0)
            {
                return kind;
            }
        }

        return Kinds[^1].Kind;
    }

    private IReadOnlyList<int> Nearest(int index)
    {
        if (!_nearest.TryGetValue(index, out var near))
        {
            _nearest[index] = near = _retrieval.Nearest(index, RetrievedEach);
        }

        return near;
    }

    private static Dictionary<string, string[]> ReadSamples(string path)
    {
        var samples = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(path))
        {
            using var json = JsonDocument.Parse(line);
            var texts = json.RootElement.GetProperty("samples").EnumerateArray().Select(text => text.GetString()!).Where(text => text.Length > 0).ToArray();
            if (texts.Length > 0)
            {
                samples[json.RootElement.GetProperty("id").GetString()!] = texts;
            }
        }

        return samples;
    }
}
