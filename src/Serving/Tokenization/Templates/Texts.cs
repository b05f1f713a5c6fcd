using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>Python's string operations that filters and methods share. Pure; results are charged by the caller.</summary>
internal static class Texts
{
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        var set = characters?.ToCharArray();
        text = left ? set is null ? text.TrimStart() : text.TrimStart(set) : text;
        return right ? set is null ? text.TrimEnd() : text.TrimEnd(set) : text;
    }

    public static string Replace(string text, string from, string to, RenderBudget budget)
    {
        if (from.Length == 0)
        {
            throw new TemplateRenderException("replace has nothing to look for");
        }

        budget.Spend(text.Length);
        var count = 0;
        for (var at = text.IndexOf(from, StringComparison.Ordinal); at >= 0; at = text.IndexOf(from, at + from.Length, StringComparison.Ordinal))
        {
            count++;
        }

        budget.Spend((long)count * to.Length);
        return text.Replace(from, to, StringComparison.Ordinal);
    }

    /// <summary>Python's str.split: at white space when <paramref name="separator"/> is null, at most <paramref name="most"/> times when that is not negative.</summary>
    public static List<object?> Split(string text, string? separator, long most)
    {
        if (separator is { Length: 0 })
        {
            throw new TemplateRenderException("split has an empty separator");
        }

        var parts = new List<object?>();
        var at = 0;
        if (separator is null)
        {
            while (true)
            {
                while (at < text.Length && char.IsWhiteSpace(text[at]))
                {
                    at++;
                }

                if (at == text.Length)
                {
                    return parts;
                }

                var start = at;
                if (most >= 0 && parts.Count == most)
                {
                    parts.Add(text[start..].TrimEnd());
                    return parts;
                }

                while (at < text.Length && !char.IsWhiteSpace(text[at]))
                {
                    at++;
                }

                parts.Add(text[start..at]);
            }
        }

        while ((most < 0 || parts.Count < most) && text.IndexOf(separator, at, StringComparison.Ordinal) is >= 0 and var found)
        {
            parts.Add(text[at..found]);
            at = found + separator.Length;
        }

        parts.Add(text[at..]);
        return parts;
    }

    /// <summary>Every word begins with a capital; other letters are small.</summary>
    public static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        var inWord = false;
        foreach (var c in text)
        {
            title.Append(inWord ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inWord = char.IsLetter(c);
        }

        return title.ToString();
    }

    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    public static string Indent(string text, int blanks, bool first, bool emptyLines, RenderBudget budget)
    {
        var lines = text.Split('\n');
        budget.Spend((long)lines.Length * Math.Max(0, blanks));
        var indent = new string(' ', Math.Max(0, blanks));
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : line.Length > 0 || emptyLines) ? indent + line : line));
    }

    /// <summary>0 when the text is no number, as Jinja has it.</summary>
    public static object ToNumber(string text, bool whole)
    {
        if (whole)
        {
            return long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? integer : 0L;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : 0.0;
    }
}
