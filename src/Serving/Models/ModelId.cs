using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Models;

/// <summary>A model name with or without a version: "anchor" or "anchor@3". Immutable.</summary>
internal readonly partial record struct ModelId(string Name, int? Version)
{
    /// <summary>What a name looks like: it is a folder name on every system, and never hidden.</summary>
    public const string NamePattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*\\z";

    public static bool IsName(string text) => Names().IsMatch(text);

    /// <exception cref="ModelException">The text is neither.</exception>
    public static ModelId Parse(string text)
    {
        var at = text.IndexOf('@');
        var name = at < 0 ? text : text[..at];
        int? version = null;
        if (at >= 0)
        {
            version = ParseVersion(text.AsSpan(at + 1))
                ?? throw new ModelException($"\"{text}\" is not a model id: after the @ comes a version number, as in \"{name}@1\".");
        }

        return IsName(name)
            ? new ModelId(name, version)
            : throw new ModelException($"\"{name}\" is not a model name: use letters, digits, '.', '_' and '-', and begin with a letter or a digit.");
    }

    /// <summary>A version number in its one spelling (no sign, no leading zero), or null.</summary>
    public static int? ParseVersion(ReadOnlySpan<char> text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && text[0] != '0' ? number : null;

    public static string Text(int version) => version.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(NamePattern)]
    private static partial Regex Names();
}
