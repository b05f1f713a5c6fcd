using System.Text.RegularExpressions;
using Serving.Trainer.Datasets;

namespace Serving.Trainer.Evaluation;

/// <summary>Answers that need no model: what a policy has to beat. Pure.</summary>
public static partial class DocumentBaselines
{
    private const int ClauseWords = 7;

    public static string FirstSentence(string document) => DescriptionText.Sentences(document.Split('\n')[0])[0];

    /// <summary>What the first sentence says after its verb, to the end of the clause, without an article, at most 7 words; all of it without a verb.</summary>
    public static string FirstClause(string document)
    {
        var sentence = FirstSentence(document);
        var verb = Verb().Match(sentence);
        var clause = ClauseEnd().Split(verb.Success ? sentence[(verb.Index + verb.Length)..] : sentence, 2)[0];
        var words = Article().Replace(clause.Trim(), "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return string.Join(' ', words.Take(ClauseWords)).TrimEnd('.', ',', ';', ':');
    }

    [GeneratedRegex(@"\b(is|are|provides?|contains?|implements?|allows?)\b", RegexOptions.CultureInvariant)]
    private static partial Regex Verb();

    [GeneratedRegex("[,;:(]| that | which | - ", RegexOptions.CultureInvariant)]
    private static partial Regex ClauseEnd();

    [GeneratedRegex(@"^(a|an|the)\s+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Article();
}
