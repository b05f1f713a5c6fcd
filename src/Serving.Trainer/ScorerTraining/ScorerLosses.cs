using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>What scorers are trained to lower, in nats.</summary>
internal static class ScorerLosses
{
    /// <summary>
    /// Cross-entropy of [rows, labels] logits over where an answer comes from; the own synopses count as much as all others together. A class for every kind of
    /// mistake gives better order than "not entailed" for all of them: an answer is as good as its worst suspicion.
    /// </summary>
    public static Tensor CrossEntropy(Tensor logits, IReadOnlyList<ScorerGroup> groups, ScorerLabels labels)
    {
        var kinds = groups.SelectMany(group => group.Kinds).ToArray();
        var targets = tensor(kinds.Select(kind => (long)labels.Of(kind)).ToArray());
        var own = kinds.Count(kind => kind == SynopsisKind.Own);
        var weights = tensor(kinds.Select(kind => 0.5f / (kind == SynopsisKind.Own ? own : kinds.Length - own)).ToArray());
        return (nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.None) * weights).sum();
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
}
