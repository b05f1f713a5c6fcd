using System.Text.RegularExpressions;

namespace Serving.Trainer.Evaluation;

/// <summary>Rules of Debian's Developer's Reference 6.2.2 for synopses, as an answer breaks them; people nearly never do.</summary>
[Flags]
public enum SynopsisViolations
{
    None = 0,

    /// <summary>Begins with "a", "an" or "the".</summary>
    LeadingArticle = 1,

    /// <summary>"X is a ...".</summary>
    IsA = 2,

    /// <summary>Ends with a full stop.</summary>
    FinalStop = 4,

    /// <summary>Longer than 80 characters.</summary>
    TooLong = 8,

    /// <summary>Begins with the package's name.</summary>
    PackageName = 16,
}

/// <summary>Checks an answer against the rules. Pure.</summary>
public static partial class SynopsisStyle
{
    private const int MostCharacters = 80;

    public static SynopsisViolations Check(string package, string answer)
    {
        var text = answer.Trim();
        return (Article().IsMatch(text) ? SynopsisViolations.LeadingArticle : 0)
            | (Definition().IsMatch(text) ? SynopsisViolations.IsA : 0)
            | (text.EndsWith('.') && !text.EndsWith("..", StringComparison.Ordinal) ? SynopsisViolations.FinalStop : 0)
            | (text.Length > MostCharacters ? SynopsisViolations.TooLong : 0)
            | (Begins(text, package) ? SynopsisViolations.PackageName : 0);
    }

    private static bool Begins(string text, string package) =>
        package.Length > 0
        && text.StartsWith(package, StringComparison.OrdinalIgnoreCase)
        && (text.Length == package.Length || !char.IsLetterOrDigit(text[package.Length]));

    [GeneratedRegex(@"^(a|an|the)\s", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Article();

    [GeneratedRegex(@"^\S+(\s\S+){0,2}\s(is|are)\s(a|an|the)\s", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Definition();
}
