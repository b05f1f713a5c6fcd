using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Serving.Scoring;

/// <summary>The rules that <see cref="StyleScorer"/> checks.</summary>
[Flags]
public enum StyleViolations
{
    None = 0,

    /// <summary>Begins with "a", "an" or "the".</summary>
    LeadingArticle = 1,

    /// <summary>Ends with a single full stop.</summary>
    FinalStop = 2,

    TooManyCharacters = 4,

    TooFewWords = 8,

    TooManyWords = 16,

    /// <summary>A word twice running, or a pair of words twice.</summary>
    Repetition = 32,

    /// <summary>The first sentence of the source, word for word.</summary>
    CopiesFirstSentence = 64,
}

/// <summary>
/// Rule of form: 0 for a clean answer, minus <see cref="StyleOptions.Penalty"/> for each rule broken. Exact, immutable and thread-safe.
/// </summary>
public sealed class StyleScorer(StyleOptions options) : ITextScorer
{
    /// <summary>Changes whenever the meaning of a rule does, so that old and new scores are told apart.</summary>
    private const int Revision = 1;

    private static readonly string[] _articles = ["a", "an", "the"];

    private readonly float _penalty = options.Penalty;
    private readonly (int MaxCharacters, int MinWords, int MaxWords) _limits = (options.MaxCharacters, options.MinWords, options.MaxWords);

    public string Name => "style";

    public string Digest { get; } = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"style/{Revision} {options.MaxCharacters} {options.MinWords} {options.MaxWords} {options.Penalty:R}"))));

    public bool RunsModel => false;

    public Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken)
    {
        var broken = int.PopCount((int)Check(source, answer));
        return Task.FromResult(broken == 0 ? 0f : -_penalty * broken);
    }

    /// <summary>The rules that an answer breaks.</summary>
    public StyleViolations Check(string source, string answer)
    {
        var text = answer.Trim();
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var broken = StyleViolations.None;
        if (words.Length > 0 && _articles.Contains(Bare(words[0]), StringComparer.Ordinal))
        {
            broken |= StyleViolations.LeadingArticle;
        }

        if (text.EndsWith('.') && !text.EndsWith("..", StringComparison.Ordinal))
        {
            broken |= StyleViolations.FinalStop;
        }

        if (new StringInfo(text).LengthInTextElements > _limits.MaxCharacters)
        {
            broken |= StyleViolations.TooManyCharacters;
        }

        if (words.Length < _limits.MinWords)
        {
            broken |= StyleViolations.TooFewWords;
        }

        if (words.Length > _limits.MaxWords)
        {
            broken |= StyleViolations.TooManyWords;
        }

        if (Repeats(words))
        {
            broken |= StyleViolations.Repetition;
        }

        if (text.Length > 0 && Sentences.Split(source) is [var first, ..] && Bare(source[first]) == Bare(text))
        {
            broken |= StyleViolations.CopiesFirstSentence;
        }

        return broken;
    }

    private static bool Repeats(string[] words)
    {
        var pairs = new HashSet<(string, string)>();
        var previous = "";
        foreach (var word in words.Select(Bare).Where(word => word.Length > 0))
        {
            if (word == previous || (previous.Length > 0 && !pairs.Add((previous, word))))
            {
                return true;
            }

            previous = word;
        }

        return false;
    }

    /// <summary>Lower case, without the punctuation around it; empty for a lone dash.</summary>
    private static string Bare(string text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && !char.IsLetterOrDigit(text[start]))
        {
            start++;
        }

        // A closing + or # belongs to the word: "C++", "C#".
        while (end > start && !char.IsLetterOrDigit(text[end - 1]) && text[end - 1] is not ('+' or '#'))
        {
            end--;
        }

        return text[start..end].ToLowerInvariant();
    }
}
