using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>
/// .NET's regular expressions see UTF-16 units, so that a letter above U+FFFF is two surrogates and no letter to them. The shadow of a text has one
/// rare character of the same general category in place of each such character. Pure.
/// </summary>
internal static class AstralShadow
{
    // By UnicodeCategory; surrogates do not occur.
    private const string StandIns = "\uA640\uA641\u1F88\uA717\uA000\uA66F\uA823\uA670\uA620\uA6E6\uA830\u2009\u2028\u2029\u0086\u2063\uD800\uE000"
        + "\uFE4D\u2E3A\u2E22\u2E23\u2E20\u2E21\uA60D\u2A00\uA838\uA700\uA828\u0378";

    private const char OtherAlphabetic = '\u24B6';

    /// <summary>The shadow, and for each of its positions (and its end) the position in <paramref name="text"/>.</summary>
    public static (char[] Shadow, int[] Positions) Of(ReadOnlySpan<char> text)
    {
        var shadow = new char[text.Length];
        var positions = new int[text.Length + 1];
        var count = 0;
        var at = 0;
        foreach (var c in text.EnumerateRunes())
        {
            positions[count] = at;
            shadow[count++] = c.IsBmp ? (char)c.Value
                : Characters.IsOtherAlphabetic(c.Value) ? OtherAlphabetic
                : StandIns[(int)Rune.GetUnicodeCategory(c)];
            at += c.Utf16SequenceLength;
        }

        positions[count] = at;
        return (shadow[..count], positions);
    }

    /// <summary>The category that a stand-in has, for the test of the table.</summary>
    internal static UnicodeCategory CategoryOfStandIn(UnicodeCategory category) => CharUnicodeInfo.GetUnicodeCategory(StandIns[(int)category]);
}
