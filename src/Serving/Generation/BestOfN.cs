using Serving.Scoring;

namespace Serving.Generation;

/// <summary>
/// The rule of Best-of-N: the highest total wins, a tie goes to the lowest index. Pure, so that tools can replay it from a log.
/// </summary>
public static class BestOfN
{
    /// <summary>Index of the winner.</summary>
    public static int Select(IReadOnlyList<Score> scores) => Rank(scores)[0];

    /// <summary>All indices, best first.</summary>
    /// <exception cref="ArgumentException">There is no score, or one that is not a finite number: such a group has no best.</exception>
    public static int[] Rank(IReadOnlyList<Score> scores)
    {
        if (scores.Count == 0)
        {
            throw new ArgumentException("There is nothing to choose from.", nameof(scores));
        }

        for (var i = 0; i < scores.Count; i++)
        {
            if (!double.IsFinite(scores[i].Total))
            {
                throw new ArgumentException($"The total of candidate {i} is {scores[i].Total}, which has no rank.", nameof(scores));
            }
        }

        // OrderBy is stable, so equal totals stay in order of index.
        return [.. Enumerable.Range(0, scores.Count).OrderByDescending(i => scores[i].Total)];
    }
}
