using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>Builds the pre-tokeniser of a tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    private const string Supported =
        "BertPreTokenizer, ByteLevel, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace and WhitespaceSplit";

    private static readonly TextPattern _words = new(WordPatterns.Gpt2, "pre_tokenizer ByteLevel");

    public static PreTokenizer Read(JsonField? preTokenizer)
    {
        var rules = new List<SplitRule>();
        var endsInBytes = false;
        if (preTokenizer is { } field)
        {
            Add(field, rules, ref endsInBytes);
        }

        return new PreTokenizer(rules, endsInBytes);
    }

    private static void Add(JsonField field, List<SplitRule> rules, ref bool endsInBytes)
    {
        if (endsInBytes)
        {
            // Not the last step after all.
            rules.Add((piece, parts) => parts.Add(new Piece(PreTokenizer.ToBytes(piece.Span), piece.First)));
            endsInBytes = false;
        }

        switch (field.Type())
        {
            case "Sequence":
                foreach (var part in field.Required("pretokenizers").Items())
                {
                    Add(part, rules, ref endsInBytes);
                }

                break;
            case "ByteLevel":
                if (field.FlagOr("add_prefix_space", true))
                {
                    rules.Add((piece, parts) => parts.Add(piece.Span[0] == ' ' ? piece : new Piece($" {piece}", piece.First)));
                }

                if (field.FlagOr("use_regex", true))
                {
                    rules.Add(Delimiters.Split(_words, Delimiter.Isolated));
                }

                endsInBytes = true;
                break;
            case "Split":
                rules.Add(Delimiters.Split(
                    TextPattern.Read(field.Required("pattern")), Delimiters.Read(field.Required("behavior")), field.FlagOr("invert", false)));
                break;
            case "Metaspace":
                rules.Add(Metaspace(field));
                break;
            case "Whitespace":
                rules.Add(Words);
                break;
            case "WhitespaceSplit":
                rules.Add(Delimiters.Split(Characters.IsSpace, Delimiter.Removed));
                break;
            case "BertPreTokenizer":
                rules.Add(Delimiters.Split(Characters.IsSpace, Delimiter.Removed));
                rules.Add(Delimiters.Split(Characters.IsPunctuation, Delimiter.Isolated));
                break;
            case "Punctuation":
                rules.Add(Delimiters.Split(
                    Characters.IsPunctuation, field.Optional("behavior") is { } behavior ? Delimiters.Read(behavior) : Delimiter.Isolated));
                break;
            case "Digits":
                rules.Add(Delimiters.Split(
                    Characters.IsNumeric, field.FlagOr("individual_digits", false) ? Delimiter.Isolated : Delimiter.Contiguous));
                break;
            default:
                throw field.Required("type").Unsupported(Supported);
        }
    }

    /// <summary>Spaces become the replacement, one is put in front as the scheme says, and each begins a word.</summary>
    private static SplitRule Metaspace(JsonField field)
    {
        var replacement = field.Optional("replacement")?.Character() ?? "\u2581";
        var scheme = field.Optional("prepend_scheme");
        var always = scheme?.Text() switch
        {
            null => field.FlagOr("add_prefix_space", true),
            "always" => true,
            "first" or "never" => false,
            _ => throw scheme!.Value.Unsupported("always, first and never"),
        };
        var first = scheme?.Text() == "first";
        if (scheme is not null && (always || first) && !field.FlagOr("add_prefix_space", true))
        {
            throw scheme.Value.Broken("contradicts add_prefix_space false");
        }

        var split = field.FlagOr("split", true);
        return (piece, parts) =>
        {
            var text = piece.ToString().Replace(" ", replacement, StringComparison.Ordinal);
            if ((always || (first && piece.First)) && !text.StartsWith(replacement, StringComparison.Ordinal))
            {
                text = replacement + text;
            }

            if (!split)
            {
                parts.Add(new Piece(text, piece.First));
                return;
            }

            var matches = new List<Match>();
            for (var at = text.IndexOf(replacement, StringComparison.Ordinal); at >= 0;)
            {
                matches.Add(new Match(at, at + replacement.Length));
                at = text.IndexOf(replacement, matches[^1].End, StringComparison.Ordinal);
            }

            Delimiters.Cut(new Piece(text, piece.First), matches, Delimiter.MergedWithNext, invert: false, parts);
        };
    }

    /// <summary>Runs of word characters and runs of other characters; white space goes.</summary>
    private static void Words(Piece piece, List<Piece> parts)
    {
        var (start, at, kind) = (0, 0, Kind.Space);
        foreach (var c in piece.Span.EnumerateRunes())
        {
            var own = Characters.IsWord(c) ? Kind.Word : Characters.IsSpace(c) ? Kind.Space : Kind.Other;
            if (own != kind)
            {
                Close(at);
                (start, kind) = (at, own);
            }

            at += c.Utf16SequenceLength;
        }

        Close(at);

        void Close(int end)
        {
            if (kind != Kind.Space && end > start)
            {
                parts.Add(piece.Slice(start, end));
            }
        }
    }

    private enum Kind
    {
        Space,
        Word,
        Other,
    }
}
