namespace Serving.Scoring;

/// <summary>
/// How far an answer agrees with other answers to the same prompt: the mean F1 of their words. Choosing by it is minimum-Bayes-risk decoding with
/// the policy's own samples as evidence (Eikema and Aziz 2020, arXiv:2005.10283; Bertsch et al. 2023, arXiv:2310.01387): what many samples say
/// is what the policy is surest of. It costs no model, and it is an estimate of a function of prompt and answer alone, the expected agreement with a
/// draw of the policy, so a Best-of-N distribution under it exists. Pure.
/// </summary>
public static class Consensus
{
    /// <summary>Its key in scorecards, answers and episodes.</summary>
    public const string Name = "consensus";

    /// <summary>Digest of the rule; changes whenever its meaning does.</summary>
    public const string Digest = "consensus/1 mean-word-f1";

    /// <summary>Agreement of an answer with others, 0 to 1; 0 without others.</summary>
    public static float Of(string answer, IReadOnlyList<string> others)
    {
        var own = new Bag(answer);
        return Mean(others.Sum(other => F1(own, new Bag(other))), others.Count);
    }

    /// <summary>Agreement of every answer of a group with all the rest, 0 to 1; 0 in a group of one.</summary>
    public static float[] Within(IReadOnlyList<string> answers)
    {
        var distinct = answers.Distinct(StringComparer.Ordinal).ToDictionary(text => text, text => new Bag(text), StringComparer.Ordinal);
        Bag[] bags = [.. answers.Select(answer => distinct[answer])];
        var sums = new double[bags.Length];
        for (var i = 0; i < bags.Length; i++)
        {
            for (var j = i + 1; j < bags.Length; j++)
            {
                var agreement = F1(bags[i], bags[j]);
                sums[i] += agreement;
                sums[j] += agreement;
            }
        }

        return [.. sums.Select(sum => Mean(sum, bags.Length - 1))];
    }

    private static float Mean(double sum, int count) => count == 0 ? 0 : (float)(sum / count);

    /// <summary>Harmonic mean of precision and recall of words, each counted as often as both have it; two texts without words do not agree.</summary>
    private static double F1(Bag one, Bag other)
    {
        var (few, many) = one.Counts.Count <= other.Counts.Count ? (one, other) : (other, one);
        var shared = 0;
        foreach (var (word, count) in few.Counts)
        {
            shared += Math.Min(count, many.Counts.GetValueOrDefault(word));
        }

        return shared == 0 ? 0 : 2.0 * shared / (one.Total + other.Total);
    }

    private sealed class Bag
    {
        public Bag(string text)
        {
            var words = Words.Of(text);
            Total = words.Count;
            Counts = words.CountBy(word => word, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        }

        public Dictionary<string, int> Counts { get; }

        public int Total { get; }
    }
}
