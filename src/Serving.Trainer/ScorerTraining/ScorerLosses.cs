using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>What scorers are trained to lower, in nats.</summary>
internal static class ScorerLosses
{
    /// <summary>Position of "entailment" among the two labels.</summary>
    public const int Entailment = 1;

    /// <summary>Cross-entropy of [rows, 2] logits; the own synopses count as much as all others together.</summary>
    public static Tensor CrossEntropy(Tensor logits, IReadOnlyList<ScorerGroup> groups)
    {
        var logProbs = nn.functional.log_softmax(logits, 1);
        var (own, others) = Rows(groups);
        var entailed = logProbs.index_select(0, tensor(own)).select(1, Entailment);
        var refused = logProbs.index_select(0, tensor(others)).select(1, 1 - Entailment);
        return -(entailed.mean() + refused.mean()) / 2;
    }

    /// <summary>-log sigmoid(better - worse) over the groups' preferences (Bradley-Terry), of [rows, 1] logits.</summary>
    public static Tensor Preference(Tensor logits, IReadOnlyList<ScorerGroup> groups)
    {
        var (better, worse, start) = (new List<long>(), new List<long>(), 0);
        foreach (var group in groups)
        {
            better.AddRange(group.Preferences.Select(pair => (long)(start + pair.Better)));
            worse.AddRange(group.Preferences.Select(pair => (long)(start + pair.Worse)));
            start += group.Answers.Count;
        }

        var rewards = logits.select(1, 0);
        var margins = rewards.index_select(0, tensor(better.ToArray())) - rewards.index_select(0, tensor(worse.ToArray()));
        return -nn.functional.logsigmoid(margins).mean();
    }

    private static (long[] Own, long[] Others) Rows(IReadOnlyList<ScorerGroup> groups)
    {
        var (own, others, row) = (new List<long>(), new List<long>(), 0L);
        foreach (var group in groups)
        {
            own.Add(row);
            others.AddRange(Enumerable.Range(1, group.Answers.Count - 1).Select(other => row + other));
            row += group.Answers.Count;
        }

        return ([.. own], [.. others]);
    }
}
