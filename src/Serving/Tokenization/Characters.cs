using System.Globalization;
using System.Text;

namespace Serving.Tokenization;

/// <summary>Character classes as the Hugging Face library (Rust) defines them; .NET's own differ in a few characters.</summary>
internal static class Characters
{
    /// <summary>Unicode's White_Space.</summary>
    public static bool IsSpace(Rune c) => Rune.IsWhiteSpace(c);

    /// <summary>Rust's is_numeric: decimal digits, letter numbers and other numbers.</summary>
    public static bool IsNumeric(Rune c) => Rune.GetUnicodeCategory(c)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    public static bool IsPunctuation(Rune c) => (c.IsAscii && c.Value is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~'))
        || Rune.GetUnicodeCategory(c) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
            or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
            or UnicodeCategory.OtherPunctuation;

    /// <summary>\w of Unicode regular expressions (UTS 18): alphabetic, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(Rune c) => c.Value is 0x200C or 0x200D || IsOtherAlphabetic(c.Value) || Rune.GetUnicodeCategory(c)
        is <= UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;

    public static bool IsMark(Rune c) => Rune.GetUnicodeCategory(c)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Symbols that are alphabetic: circled and squared Latin letters.</summary>
    public static bool IsOtherAlphabetic(int point) => point is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169)
        or (>= 0x1F170 and <= 0x1F189);

    /// <summary>Lower case, one character to its full mapping, without context.</summary>
    public static string ToLower(string text)
    {
        var lower = text.ToLowerInvariant();
        return lower.Contains('\u0130', StringComparison.Ordinal) ? lower.Replace("\u0130", "i\u0307", StringComparison.Ordinal) : lower;
    }
}
