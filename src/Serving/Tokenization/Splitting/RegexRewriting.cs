using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>A pattern that is being rewritten: how far it has been read, and what has been written. Not thread-safe.</summary>
internal sealed class RegexRewriting(string pattern)
{
    public string Pattern => pattern;

    public int At { get; set; }

    public bool Ended => At == pattern.Length;

    public char Current => pattern[At];

    public StringBuilder Written { get; } = new();

    public bool Looking(string at) => string.CompareOrdinal(pattern, At, at, 0, at.Length) == 0;

    /// <param name="length">Characters to quote.</param>
    /// <param name="what">Names the construct: "the group".</param>
    public RegexTranslationException Refuse(int length, string what) =>
        new($"{what} \"{pattern.Substring(At, Math.Min(length, pattern.Length - At))}\" at character {At} is not supported.");
}
