using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// How far a summary is copied from its document (Grusky, Naaman and Artzi 2018, arXiv:1804.11283, figure 2 and equations 1 and 2): greedy longest
/// shared fragments F over the summary S; coverage = sum |f| / |S|, density = sum |f|^2 / |S|, over lower-case words.
/// </summary>
/// <param name="Coverage">Share of the summary's words that stand in a fragment, 0 to 1.</param>
/// <param name="Density">Average length of the fragment that a word of the summary stands in, in words.</param>
public sealed record ExtractiveFragments(double Coverage, double Density)
{
    /// <summary>Both are 0 for a summary without words.</summary>
    public static ExtractiveFragments Of(string document, string summary)
    {
        var (source, words) = (SynopsisWords.Of(document), SynopsisWords.Of(summary));
        var (covered, squares) = (0, 0);
        for (var i = 0; i < words.Length;)
        {
            var length = Longest(source, words, i);
            covered += length;
            squares += length * length;
            i += Math.Max(1, length);
        }

        return words.Length == 0 ? new(0, 0) : new((double)covered / words.Length, (double)squares / words.Length);
    }

    /// <summary>Words from <paramref name="start"/> of the summary on that stand somewhere in the source in the same order.</summary>
    private static int Longest(string[] source, string[] words, int start)
    {
        var longest = 0;
        for (var at = 0; at < source.Length; at++)
        {
            var length = 0;
            while (at + length < source.Length && start + length < words.Length && source[at + length] == words[start + length])
            {
                length++;
            }

            longest = Math.Max(longest, length);
        }

        return longest;
    }
}
