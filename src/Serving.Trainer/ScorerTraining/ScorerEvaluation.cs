using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>A scorer's figures on validation pairs, over a fixed sample of descriptions.</summary>
internal sealed class ScorerEvaluation
{
    private const int BatchGroups = 8;
    private const int TriesPerKind = 4;

    private static readonly SynopsisKind[] _calibrated = [SynopsisKind.Retrieved, SynopsisKind.Swapped, SynopsisKind.Random];

    private readonly SynopsisGroups _groups;
    private readonly ScorerTask _task;
    private readonly IReadOnlyList<ScorerGroup> _evaluated;
    private readonly IReadOnlyList<Item> _items;
    private readonly HashSet<int> _fitted;

    /// <param name="groups">Of the validation pairs.</param>
    /// <param name="batches">Their tokens.</param>
    /// <param name="task">What the scorer learns.</param>
    /// <param name="most">Descriptions at most: 400 tell an AUC to about 0.02, 1,400 to 0.01.</param>
    /// <param name="fitted">The first descriptions that have no part in the calibration error, because <see cref="Calibrate"/> was given them.</param>
    public ScorerEvaluation(SynopsisGroups groups, ScorerBatches batches, ScorerTask task, int most = int.MaxValue, int fitted = 0)
    {
        (_groups, _task) = (groups, task);
        var random = new Random(1);
        var documents = Enumerable.Range(0, groups.Examples.Count).ToArray();
        random.Shuffle(documents);
        _fitted = [.. documents.Take(fitted)];
        var (evaluated, items) = (new List<ScorerGroup>(), new List<Item>());
        foreach (var index in documents.Take(most))
        {
            var texts = new List<(SynopsisKind Kind, string Text, bool Paired)> { (SynopsisKind.Own, groups.Examples[index].Summary, false) };
            foreach (var kind in groups.Kinds)
            {
                var made = Enumerable.Range(0, TriesPerKind).Select(_ => groups.Make(index, kind, random)).FirstOrDefault(text => text is not null);
                if (made is not null)
                {
                    texts.Add((kind, made, false));
                }
            }

            if (task == ScorerTask.Reward && groups.Pair(index, random) is var (closer, other))
            {
                texts.AddRange([(SynopsisKind.Sampled, closer, true), (SynopsisKind.Sampled, other, true)]);
            }

            evaluated.Add(batches.Tokenized(new SynopsisGroup(index, [.. texts.Select(text => text.Text)], [.. texts.Select(text => text.Kind)], [])));
            items.AddRange(texts.Select(text => new Item(index, text.Kind, SynopsisWords.Of(text.Text).Length, text.Paired)));
        }

        (_evaluated, _items) = (evaluated, items);
    }

    /// <summary>
    /// Entailment: AUC of own synopses against each kind, and the expected calibration error. Reward: share of descriptions whose own synopsis has
    /// the larger reward, per kind; share of answer pairs ordered as ROUGE-L to the own synopsis orders them; correlation with length in words.
    /// </summary>
    public IReadOnlyList<(string Name, double Value)> Figures(TrainableScorer scorer)
    {
        var scores = Score(scorer);
        var scored = _items.Select((item, i) => (Item: item, Score: scores[i])).ToArray();
        var figures = _groups.Kinds
            .Select(kind => (Kind: kind, Others: scored.Where(pair => pair.Item.Kind == kind && !pair.Item.Paired).ToArray()))
            .Where(kind => kind.Others.Length > 0)
            .Select(kind => _task == ScorerTask.Entailment
                ? ($"auc_{kind.Kind}", Separation.Auc(Scores(scored, SynopsisKind.Own), [.. kind.Others.Select(other => other.Score)]))
                : ($"accuracy_{kind.Kind}", OwnIsBetter(scored, kind.Others)))
            .ToList();
        if (_task == ScorerTask.Entailment)
        {
            var others = scored.Where(pair => !_fitted.Contains(pair.Item.Index)).ToArray();
            if (others.Length > 0)
            {
                figures.Add(("calibration_error", Separation.CalibrationError(
                    [.. Scores(others, SynopsisKind.Own).Select(score => Math.Exp(score))],
                    [.. others.Where(pair => _calibrated.Contains(pair.Item.Kind)).Select(pair => Math.Exp(pair.Score))])));
            }
        }
        else
        {
            var pairs = scored.Where(pair => pair.Item.Paired).Chunk(2).ToArray();                    // the closer one first
            if (pairs.Length > 0)
            {
                figures.Add(("accuracy_Closer", pairs.Average(pair => Better(pair[0].Score, pair[1].Score))));
            }

            var whole = scored.Where(pair => pair.Item.Kind is SynopsisKind.Own or SynopsisKind.Sampled or SynopsisKind.Retrieved).ToArray();
            figures.Add(("length_correlation", Separation.Correlation(
                [.. whole.Select(pair => (double)pair.Item.Words)], [.. whole.Select(pair => (double)pair.Score)])));
        }

        return figures;
    }

    /// <summary>Makes an entailment model's probabilities come true on these descriptions (own synopses against retrieved, swapped and random ones).</summary>
    public Calibration Calibrate(TrainableScorer scorer)
    {
        using var scope = NewDisposeScope();
        var counted = Enumerable.Range(0, _items.Count).Where(i => _items[i].Kind == SynopsisKind.Own || _calibrated.Contains(_items[i].Kind)).ToArray();
        var logits = Logits(scorer).index_select(0, tensor(counted.Select(i => (long)i).ToArray()));
        var calibration = Calibration.Fit(logits, [.. counted.Select(i => _items[i].Kind == SynopsisKind.Own)]);
        var (weight, bias) = scorer.LastLayer;
        calibration.Apply(weight, bias);
        return calibration;
    }

    /// <summary>log p(entailment), or the reward, of every item.</summary>
    private float[] Score(TrainableScorer scorer)
    {
        using var scope = NewDisposeScope();
        var logits = Logits(scorer);
        return (_task == ScorerTask.Entailment ? nn.functional.log_softmax(logits, 1) : logits).select(1, ScorerLabels.Favoured).ToFloats();
    }

    /// <summary>[items, labels], the caller's to dispose.</summary>
    private Tensor Logits(TrainableScorer scorer)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        var chunks = _evaluated.Chunk(BatchGroups).Select(chunk =>
        {
            using var chunkScope = NewDisposeScope();
            return scorer.Logits(chunk, training: false).MoveToOuterDisposeScope();
        });
        return cat([.. chunks], 0).MoveToOuterDisposeScope();
    }

    private static double OwnIsBetter((Item Item, float Score)[] scored, (Item Item, float Score)[] others)
    {
        var own = scored.Where(pair => pair.Item.Kind == SynopsisKind.Own).ToDictionary(pair => pair.Item.Index, pair => pair.Score);
        return others.Average(other => Better(own[other.Item.Index], other.Score));
    }

    private static double Better(float better, float worse) => better > worse ? 1 : better == worse ? 0.5 : 0;

    private static float[] Scores((Item Item, float Score)[] scored, SynopsisKind kind) =>
        [.. scored.Where(pair => pair.Item.Kind == kind).Select(pair => pair.Score)];

    /// <param name="Paired">One of two answers that <see cref="SynopsisGroups.Pair"/> chose.</param>
    private sealed record Item(int Index, SynopsisKind Kind, int Words, bool Paired);
}
