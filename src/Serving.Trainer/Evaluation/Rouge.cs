using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Evaluation;

/// <summary>ROUGE F1 on lower-case words without stemming (Lin 2004): share of n-grams or of the longest common subsequence in common.</summary>
public static class Rouge
{
    /// <summary>F1 of the n-gram overlap, 0 to 1.</summary>
    public static double N(string candidate, string reference, int n)
    {
        var (c, r) = (Grams(SynopsisWords.Of(candidate), n), Grams(SynopsisWords.Of(reference), n));
        var shared = c.Sum(gram => Math.Min(gram.Value, r.GetValueOrDefault(gram.Key)));
        return F1(shared, c.Values.Sum(), r.Values.Sum());
    }

    /// <summary>F1 of the longest common subsequence, 0 to 1.</summary>
    public static double L(string candidate, string reference)
    {
        var (c, r) = (SynopsisWords.Of(candidate), SynopsisWords.Of(reference));
        var row = new int[r.Length + 1];
        foreach (var word in c)
        {
            var diagonal = 0;
            for (var j = 1; j <= r.Length; j++)
            {
                var above = row[j];
                row[j] = word == r[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }

        return F1(row[^1], c.Length, r.Length);
    }

    private static double F1(int shared, int candidate, int reference) =>
        shared == 0 ? 0 : 2.0 * shared / (candidate + reference);

    private static Dictionary<string, int> Grams(string[] words, int n)
    {
        var grams = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i + n <= words.Length; i++)
        {
            var gram = string.Join(' ', words, i, n);
            grams[gram] = grams.GetValueOrDefault(gram) + 1;
        }

        return grams;
    }
}
