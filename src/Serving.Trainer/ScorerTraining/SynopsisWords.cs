using System.Text.RegularExpressions;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Words of a text for mining and for ROUGE: lower case, letters and digits.</summary>
internal static partial class SynopsisWords
{
    private const int StemLength = 5;

    public static string[] Of(string text)
    {
        var words = new List<string>();
        foreach (var match in Word().EnumerateMatches(text))
        {
            words.Add(text.Substring(match.Index, match.Length).ToLowerInvariant());
        }

        return [.. words];
    }

    /// <summary>Stems of the words: their first five letters.</summary>
    public static IEnumerable<string> Stems(string text) => Of(text).Select(Stem);

    /// <summary>Of a word of <see cref="Of"/>.</summary>
    public static string Stem(string word) => word.Length <= StemLength ? word : word[..StemLength];

    [GeneratedRegex(@"[\p{L}\p{N}]+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
