using Serving.Trainer.Objectives;

namespace Serving.Trainer.Data;

/// <summary>Chooses the candidates of a step and packs them into a <see cref="TokenBatch"/>. Deterministic: draws depend on (seed, step, group, row).</summary>
/// <param name="targetCandidates">n of the Best-of-n that the weights stand for.</param>
/// <param name="candidatesPerGroup">Logged candidates of a group that enter a step; 0 = all.</param>
/// <param name="seed">Seed of the run.</param>
public sealed class BatchBuilder(int targetCandidates, int candidatesPerGroup, ulong seed)
{
    /// <summary>
    /// Longest row that answers are packed into: attention grows with its square, so long answers get rows of their own and pay for the prompt again.
    /// </summary>
    private const int LongestRow = 512;

    private readonly StepRandom _random = new(seed, "batch");

    /// <summary>One batch of the given groups, in their order.</summary>
    public TokenBatch Build(IReadOnlyList<CandidateGroup> groups, long step) => Build(groups, step, 1).Single();

    /// <summary>
    /// The same candidates in <paramref name="parts"/> batches, one after the other: every parts-th group each, so that logged groups and those made for the step
    /// spread alike. The caller disposes each before it asks for the next.
    /// </summary>
    public IEnumerable<TokenBatch> Build(IReadOnlyList<CandidateGroup> groups, long step, int parts)
    {
        for (var part = 0; part < Math.Min(parts, groups.Count); part++)
        {
            var entries = new List<BatchEntry>();
            var own = new List<CandidateGroup>();
            for (var number = part; number < groups.Count; number += parts)
            {
                AddEntries(entries, groups[number], own.Count, number, step);
                own.Add(groups[number]);
            }

            yield return new TokenBatch([.. own.Select(group => group.Draw)], [.. entries], Pack(own, entries));
        }
    }

    /// <summary>Answers of one prompt go into one row as long as it stays short; every row holds at least one.</summary>
    private static List<PackedRow> Pack(List<CandidateGroup> groups, List<BatchEntry> entries)
    {
        var rows = new List<PackedRow>();
        for (var b = 0; b < entries.Count;)
        {
            var group = entries[b].Group;
            var (answers, tokens) = (new List<int>(), entries[b].PromptLength);
            do
            {
                answers.Add(b);
                tokens += entries[b++].Tokens;
            }
            while (b < entries.Count && entries[b].Group == group && tokens + entries[b].Tokens <= LongestRow);

            rows.Add(new PackedRow(groups[group].Prompt, answers, tokens));
        }

        return rows;
    }

    /// <param name="place">The group's number within its batch.</param>
    /// <param name="number">Its number within the step, which draws depend on.</param>
    private void AddEntries(List<BatchEntry> entries, CandidateGroup group, int place, int number, long step)
    {
        var count = group.Candidates.Count;
        var drawn = Math.Min(targetCandidates, count);
        if (!group.HasQuantiles)
        {
            foreach (var index in Subset(group, number, step))
            {
                entries.Add(new BatchEntry(place, group.Candidates[index], group.Prompt.Length, 0, 0, 0, Uniform: false));
            }

            return;
        }

        var better = new int[count];
        for (var i = 0; i < count; i++)
        {
            better[i] = group.Better(i);
        }

        var advantages = GroupAdvantage.LeaveOneOut([.. group.Candidates.Select(candidate => candidate.Reward)]);

        if (candidatesPerGroup == 0 || candidatesPerGroup >= count)
        {
            for (var i = 0; i < count; i++)
            {
                var weight = BestOfNWeights.Weight(better[i], count, drawn);
                entries.Add(Ranked(i, weight, uniform: true));
            }

            return;
        }

        // One draw of Best-of-n for the weighted terms, and uniform draws for the quantile terms: a candidate that is here because
        // it ranks high would bias those, so it carries Uniform only if it was drawn again.
        var best = DrawBest(better, count, drawn, number, step);
        var subset = Subset(group, number, step);
        foreach (var index in subset)
        {
            entries.Add(Ranked(index, index == best ? 1 : 0, uniform: true));
        }

        if (!subset.Contains(best))
        {
            entries.Add(Ranked(best, 1, uniform: false));
        }

        BatchEntry Ranked(int index, double weight, bool uniform) =>
            new(place, group.Candidates[index], group.Prompt.Length, better[index], count - 1, weight, uniform) { Advantage = advantages[index] };
    }

    private int DrawBest(int[] better, int count, int drawn, int number, long step)
    {
        var left = _random.Uniform((ulong)step, ((ulong)number << 32) | uint.MaxValue);
        for (var i = 0; i < count; i++)
        {
            left -= BestOfNWeights.Weight(better[i], count, drawn);
            if (left < 0)
            {
                return i;
            }
        }

        return Array.IndexOf(better, 0);        // rounding left a sliver of probability: give it to the best one
    }

    /// <summary>
    /// Which logged candidates a step sees, uniformly without replacement; one fewer than asked for where a Best-of-n draw comes on top.
    /// Samples made for this step are all kept.
    /// </summary>
    private int[] Subset(CandidateGroup group, int number, long step)
    {
        var count = group.Candidates.Count;
        var wanted = group.HasQuantiles ? Math.Max(1, candidatesPerGroup - 1) : candidatesPerGroup;
        if (candidatesPerGroup == 0 || wanted >= count || group.Candidates[0].Source != CandidateSource.Logged)
        {
            return [.. Enumerable.Range(0, count)];
        }

        var order = Enumerable.Range(0, count).ToArray();
        for (var i = 0; i < wanted; i++)
        {
            var other = i + _random.Below(count - i, (ulong)step, ((ulong)number << 32) | (uint)i);
            (order[i], order[other]) = (order[other], order[i]);
        }

        Array.Sort(order, 0, wanted);
        return order[..wanted];
    }
}
