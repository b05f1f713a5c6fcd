using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Normalization;

/// <summary>The steps of BERT's normaliser, in the order in which they run.</summary>
internal static class BertCleaning
{
    /// <summary>Drops control characters and U+FFFD; white space of any kind becomes a space.</summary>
    public static string Clean(string text)
    {
        var cleaned = new StringBuilder(text.Length);
        foreach (var c in text.EnumerateRunes())
        {
            if (c.Value is '\t' or '\n' or '\r' || (Characters.IsSpace(c) && !IsOther(c)))
            {
                cleaned.Append(' ');
            }
            else if (c.Value is not (0 or 0xFFFD) && !IsOther(c))
            {
                cleaned.Append(c);
            }
        }

        return cleaned.ToString();
    }

    /// <summary>A space on either side of every Chinese character, so that each is a word.</summary>
    public static string SeparateChinese(string text)
    {
        var separated = new StringBuilder(text.Length);
        foreach (var c in text.EnumerateRunes())
        {
            if (IsChinese(c.Value))
            {
                separated.Append(' ').Append(c).Append(' ');
            }
            else
            {
                separated.Append(c);
            }
        }

        return separated.ToString();
    }

    public static string StripAccents(string text) =>
        Filter(UnicodeForms.Nfd(text), c => Rune.GetUnicodeCategory(c) != UnicodeCategory.NonSpacingMark);

    public static string Filter(string text, Func<Rune, bool> keep)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var c in text.EnumerateRunes())
        {
            if (keep(c))
            {
                kept.Append(c);
            }
        }

        return kept.ToString();
    }

    private static bool IsOther(Rune c) => Rune.GetUnicodeCategory(c)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse;

    private static bool IsChinese(int point) => point is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0x2F800 and <= 0x2FA1F);
}
