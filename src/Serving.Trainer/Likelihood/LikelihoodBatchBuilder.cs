using Serving.Scoring;

namespace Serving.Trainer.Likelihood;

/// <summary>Makes batches of answers that share their sources, so that a source is computed once for all of its answers.</summary>
/// <param name="encoder">Of the scorer that is trained.</param>
public sealed class LikelihoodBatchBuilder(PairEncoder encoder)
{
    private const int LongestRow = 512;

    /// <summary>A batch of groups; its answers are numbered group by group, in their order.</summary>
    /// <param name="groups">Token ids of a source and of its answers, without markers. A source is cut to what fits beside its longest answer.</param>
    public LikelihoodBatch Build(IReadOnlyList<(int[] Source, IReadOnlyList<int[]> Answers)> groups) =>
        Build([.. groups.SelectMany(group => Pack(group.Source, group.Answers))]);

    /// <summary>A batch of packed pairs, in their order; neighbours with the same source share a row.</summary>
    public static LikelihoodBatch Build(IReadOnlyList<EncodedPair> pairs) => LikelihoodBatch.Of(new LikelihoodRows(pairs, LongestRow));

    /// <summary>The pairs of one source, all with the part of it that fits beside the longest answer.</summary>
    public IReadOnlyList<EncodedPair> Pack(int[] source, IReadOnlyList<int[]> answers)
    {
        var room = Math.Max(0, encoder.SourceRoom(answers.Max(answer => answer.Length)));
        var shared = source.AsSpan(0, Math.Min(source.Length, room));
        var pairs = new List<EncodedPair>(answers.Count);
        foreach (var answer in answers)
        {
            pairs.Add(encoder.Pack(shared, answer));
        }

        return pairs;
    }
}
