using System.Text.RegularExpressions;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Words of a text for mining and for ROUGE: lower case, letters and digits.</summary>
internal static partial class SynopsisWords
{
    public static string[] Of(string text)
    {
        var words = new List<string>();
        foreach (var match in Word().EnumerateMatches(text))
        {
            words.Add(text.Substring(match.Index, match.Length).ToLowerInvariant());
        }

        return [.. words];
    }

    [GeneratedRegex(@"[\p{L}\p{N}]+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
