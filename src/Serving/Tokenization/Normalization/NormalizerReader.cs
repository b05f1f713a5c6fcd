using System.Text;
using Serving.Tokenization.Splitting;

namespace Serving.Tokenization.Normalization;

/// <summary>Builds the normaliser of a tokenizer.json.</summary>
internal static class NormalizerReader
{
    /// <summary>Characters that a text may grow to: untrusted rules may each make it longer.</summary>
    private const int MostCharacters = 1 << 25;

    private const string Supported = "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip and StripAccents";

    /// <summary>The whole normaliser; the identity when there is none.</summary>
    public static TextRule Read(JsonField? normalizer)
    {
        if (normalizer is not { } field)
        {
            return text => text;
        }

        var rules = new List<TextRule>();
        Add(field, rules);
        return text =>
        {
            foreach (var rule in rules)
            {
                text = rule(text);
                if (text.Length > MostCharacters)
                {
                    throw TooLong();
                }
            }

            return text;
        };
    }

    private static void Add(JsonField field, List<TextRule> rules)
    {
        switch (field.Type())
        {
            case "Sequence":
                foreach (var part in field.Required("normalizers").Items())
                {
                    Add(part, rules);
                }

                break;
            case "NFC":
                rules.Add(UnicodeForms.Nfc);
                break;
            case "NFD":
                rules.Add(UnicodeForms.Nfd);
                break;
            case "NFKC":
                rules.Add(UnicodeForms.Nfkc);
                break;
            case "NFKD":
                rules.Add(UnicodeForms.Nfkd);
                break;
            case "Lowercase":
                rules.Add(Characters.ToLower);
                break;
            case "StripAccents":
                rules.Add(text => BertCleaning.Filter(text, c => !Characters.IsMark(c)));
                break;
            case "Nmt":
                rules.Add(Nmt);
                break;
            case "Strip":
                rules.Add(Strip(field.FlagOr("strip_left", true), field.FlagOr("strip_right", true)));
                break;
            case "Prepend":
                var prepended = field.Required("prepend").Text();
                rules.Add(text => text.Length == 0 ? text : prepended + text);
                break;
            case "Replace":
                rules.Add(Replace(field));
                break;
            case "Precompiled":
                rules.Add(new CharsMap(field.Required("precompiled_charsmap")).Apply);
                break;
            case "BertNormalizer":
                AddBert(field, rules);
                break;
            default:
                throw field.Required("type").Unsupported(Supported);
        }
    }

    private static void AddBert(JsonField field, List<TextRule> rules)
    {
        var lowercase = field.FlagOr("lowercase", true);
        if (field.FlagOr("clean_text", true))
        {
            rules.Add(BertCleaning.Clean);
        }

        if (field.FlagOr("handle_chinese_chars", true))
        {
            rules.Add(BertCleaning.SeparateChinese);
        }

        if (field.FlagOr("strip_accents", lowercase))
        {
            rules.Add(BertCleaning.StripAccents);
        }

        if (lowercase)
        {
            rules.Add(Characters.ToLower);
        }
    }

    private static TextRule Replace(JsonField field)
    {
        var pattern = TextPattern.Read(field.Required("pattern"));
        var content = field.Required("content").Text();
        return text =>
        {
            var matches = pattern.Find(text);
            if (matches.Count == 0)
            {
                return text;
            }

            var replaced = new StringBuilder(text.Length);
            var end = 0;
            foreach (var match in matches)
            {
                replaced.Append(text, end, match.Start - end).Append(content);
                end = match.End;
                if (replaced.Length > MostCharacters)
                {
                    throw TooLong();
                }
            }

            return replaced.Append(text, end, text.Length - end).ToString();
        };
    }

    private static TextRule Strip(bool left, bool right) => text =>
    {
        text = left ? text.TrimStart() : text;
        return right ? text.TrimEnd() : text;
    };

    /// <summary>The clean-up of neural machine translation toolkits: control characters go, odd spaces become spaces.</summary>
    private static string Nmt(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            switch ((int)c)
            {
                case (>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or 0x8F or 0x9F:
                    break;
                case 0x9 or 0xA or 0xC or 0xD or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD:
                    clean.Append(' ');
                    break;
                default:
                    clean.Append(c);
                    break;
            }
        }

        return clean.ToString();
    }

    private static TokenizerException TooLong() =>
        new($"tokenizer.json: normalizer makes the text longer than {MostCharacters} characters: send a shorter text.");
}
