using Serving.Scoring;
using Serving.Trainer.Encoder;
using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Separation of own synopses from each other kind on the validation pairs, over a fixed sample.</summary>
internal sealed class ScorerEvaluation(SynopsisGroups groups, PairEncoder encoder, ScorerTask task)
{
    private const int Documents = 400;
    private const int BatchRows = 32;

    private readonly ScorerBatches _pairs = new(groups, encoder, 1, 1);

    /// <summary>AUC against each kind (entailment) or share of pairs in which the own synopsis scores higher (reward).</summary>
    public IReadOnlyList<(string Name, double Value)> Figures(EncoderModule scorer)
    {
        var random = new Random(1);
        var documents = Enumerable.Range(0, groups.Examples.Count).ToArray();
        random.Shuffle(documents);
        documents = documents[..Math.Min(Documents, documents.Length)];
        var own = Score(scorer, [.. documents.Select(index => (index, groups.Examples[index].Summary))]);
        var figures = new List<(string, double)>();
        foreach (var (kind, _) in groups.Kinds)
        {
            var made = documents.Select((index, at) => (At: at, Index: index, Text: groups.Make(index, kind, random))).Where(pair => pair.Text is not null).ToArray();
            if (made.Length == 0)
            {
                continue;
            }

            var others = Score(scorer, [.. made.Select(pair => (pair.Index, pair.Text!))]);
            figures.Add(task == ScorerTask.Entailment
                ? ($"auc_{kind}", Auc(own, others))
                : ($"accuracy_{kind}", made.Select((pair, i) => own[pair.At] > others[i] ? 1.0 : own[pair.At] == others[i] ? 0.5 : 0).Average()));
        }

        return figures;
    }

    /// <summary>Probability that a random positive scores above a random negative; ties count half.</summary>
    internal static double Auc(float[] positives, float[] negatives)
    {
        var sorted = negatives.Order().ToArray();
        var sum = 0.0;
        foreach (var positive in positives)
        {
            var below = LowerBound(sorted, positive);
            var upTo = below;
            while (upTo < sorted.Length && sorted[upTo] == positive)
            {
                upTo++;
            }

            sum += below + ((upTo - below) / 2.0);
        }

        return sum / (positives.Length * (double)negatives.Length);
    }

    private float[] Score(EncoderModule scorer, IReadOnlyList<(int Index, string Synopsis)> items)
    {
        using var quiet = no_grad();
        scorer.eval();
        var scores = new List<float>();
        foreach (var chunk in items.Chunk(BatchRows))
        {
            using var scope = NewDisposeScope();
            var batch = ScorerBatches.Pad([.. chunk.Select(item => _pairs.Pair(item.Index, item.Synopsis))]);
            var logits = scorer.forward(
                tensor(batch.Ids, [batch.Rows, batch.Length]), tensor(batch.Types, [batch.Rows, batch.Length]), tensor(batch.Mask, [batch.Rows, batch.Length]));
            var score = task == ScorerTask.Entailment ? nn.functional.log_softmax(logits, 1).select(1, 1) : logits.select(1, 0);
            scores.AddRange(score.ToFloats());
        }

        return [.. scores];
    }

    private static int LowerBound(float[] sorted, float value)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (sorted[middle] < value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
