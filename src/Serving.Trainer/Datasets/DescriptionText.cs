using System.Text.RegularExpressions;

namespace Serving.Trainer.Datasets;

/// <summary>
/// The layout of long descriptions (Debian policy 5.6.13) undone: a paragraph becomes one line, an item of a list one line that begins with "* ".
/// </summary>
internal static partial class DescriptionText
{
    /// <summary>Lines of text for the raw lines after the synopsis, each of which begins with a blank.</summary>
    public static IReadOnlyList<string> Lines(ReadOnlySpan<string> raw)
    {
        var lines = new List<string>();
        var opens = true;
        foreach (var line in raw)
        {
            if (line.Trim() is "." or "")
            {
                opens = true;
                continue;
            }

            var text = string.Join(' ', line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            if (Bullet().Match(text) is { Success: true } bullet)
            {
                lines.Add("* " + text[bullet.Length..]);
            }
            else if (opens || (lines[^1].StartsWith("* ", StringComparison.Ordinal) && !Indented(line)))
            {
                lines.Add(text);
            }
            else
            {
                lines[^1] += " " + text;
            }

            opens = false;
        }

        return lines;
    }

    /// <summary>The sentences of a line: after a full stop, question or exclamation mark comes a capital, digit or opening mark.</summary>
    public static string[] Sentences(string line) => Boundary().Split(line);

    /// <summary>Words for counting and comparing: lower case, runs of ASCII letters and digits.</summary>
    public static string[] Words(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    private static bool Indented(string line) => line.Length > 1 && char.IsWhiteSpace(line[1]);

    [GeneratedRegex(@"^[*•·+o–—-]\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Bullet();

    [GeneratedRegex(@"(?<=[.!?])\s+(?=[A-Z0-9""'(\[])", RegexOptions.CultureInvariant)]
    private static partial Regex Boundary();

    [GeneratedRegex("[a-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
