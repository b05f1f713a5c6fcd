using System.Globalization;
using System.Text;

namespace Serving.Scoring;

/// <summary>Words of a text for comparing texts: runs of letters, marks and digits in lower case. Pure.</summary>
public static class Words
{
    /// <summary>The words in order. A character of a script that is written without spaces (Han, kana, Thai, Lao, Khmer, Burmese) is a word by itself.</summary>
    public static IReadOnlyList<string> Of(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsPartOfWord(rune) || IsWrittenWithoutSpaces(rune))
            {
                End(words, word);
            }

            if (IsPartOfWord(rune))
            {
                word.Append(Rune.ToLowerInvariant(rune).ToString());
                if (IsWrittenWithoutSpaces(rune))
                {
                    End(words, word);
                }
            }
        }

        End(words, word);
        return words;
    }

    private static void End(List<string> words, StringBuilder word)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString());
            word.Clear();
        }
    }

    private static bool IsPartOfWord(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static bool IsWrittenWithoutSpaces(Rune rune) => rune.Value is
        (>= 0x0E00 and <= 0x0EFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF)
        or (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
