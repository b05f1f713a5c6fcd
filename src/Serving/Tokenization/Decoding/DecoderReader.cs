using System.Globalization;
using System.Text;
using Serving.Tokenization.Splitting;

namespace Serving.Tokenization.Decoding;

/// <summary>
/// Builds the decoder of a tokenizer.json. Decoding is done token by token, so that a stream and a whole text give the same: every step is worked
/// into the bytes of each token, and only spaces at the start of a text are left to the reader of the tokens.
/// </summary>
internal sealed class DecoderReader
{
    private const string Supported = "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip and WordPiece";

    private const int MostReplacement = 16;

    private readonly List<Func<Part, Part>> _steps = [];
    private bool _fused;
    private int _strippedSpaces;

    private DecoderReader()
    {
    }

    /// <param name="entries">All entries and added tokens with their ids.</param>
    /// <param name="isSpecial">Ids that a text leaves out.</param>
    public static TokenBytes Read(JsonField? decoder, IEnumerable<KeyValuePair<string, int>> entries, int count, Func<int, bool> isSpecial)
    {
        var reader = new DecoderReader();
        if (decoder is { } field)
        {
            reader.Add(field);
        }
        else
        {
            reader._steps.Add(part => part.Begins ? part : part with { Text = " " + part.Text });
        }

        var middle = new ReadOnlyMemory<byte>[count];
        var first = new Dictionary<int, ReadOnlyMemory<byte>>();
        foreach (var (entry, id) in entries)
        {
            if (isSpecial(id))
            {
                continue;
            }

            var bytes = reader.Decode(entry, begins: false);
            var atStart = reader.Decode(entry, begins: true);
            middle[id] = bytes;
            if (!bytes.AsSpan().SequenceEqual(atStart))
            {
                first[id] = atStart;
            }
        }

        return new TokenBytes(middle, first, reader._strippedSpaces);
    }

    private byte[] Decode(string entry, bool begins)
    {
        var part = new Part(entry, null, begins);
        foreach (var step in _steps)
        {
            part = part.Bytes is null ? step(part) : part;
        }

        return part.Bytes ?? Encoding.UTF8.GetBytes(part.Text);
    }

    private void Add(JsonField field)
    {
        var type = field.Type();
        if (_fused && type is not ("Fuse" or "Strip" or "Sequence"))
        {
            throw field.Required("type").Unsupported("Fuse and Strip after Fuse or ByteLevel");
        }

        switch (type)
        {
            case "Sequence":
                foreach (var part in field.Required("decoders").Items())
                {
                    Add(part);
                }

                break;
            case "ByteLevel":
                _steps.Add(part => part with { Bytes = ByteAlphabet.BytesOf(part.Text) ?? Encoding.UTF8.GetBytes(part.Text) });
                _fused = true;
                break;
            case "ByteFallback":
                _steps.Add(part => ByteOf(part.Text) is { } b ? part with { Bytes = [b] } : part);
                break;
            case "Fuse":
                _fused = true;
                break;
            case "Metaspace":
                AddMetaspace(field);
                break;
            case "WordPiece":
                AddWordPiece(field.TextOr("prefix", "##"), field.FlagOr("cleanup", true));
                break;
            case "Replace":
                AddReplace(field);
                break;
            case "Strip":
                AddStrip(field);
                break;
            default:
                throw field.Required("type").Unsupported(Supported);
        }
    }

    /// <summary>The replacement is a space, and nothing in the first token of a text.</summary>
    private void AddMetaspace(JsonField field)
    {
        var replacement = field.Optional("replacement")?.Character() ?? "\u2581";
        var prepends = field.TextOrNull("prepend_scheme") is { } scheme ? scheme != "never" : field.FlagOr("add_prefix_space", true);
        _steps.Add(part => part with { Text = part.Text.Replace(replacement, part.Begins && prepends ? "" : " ", StringComparison.Ordinal) });
    }

    private void AddWordPiece(string prefix, bool cleanup)
    {
        _steps.Add(part =>
        {
            var text = part.Begins ? part.Text
                : part.Text.StartsWith(prefix, StringComparison.Ordinal) ? part.Text[prefix.Length..]
                : " " + part.Text;
            return part with { Text = cleanup ? CleanUp(text) : text };
        });
    }

    private void AddReplace(JsonField field)
    {
        // Every entry is worked on when the file is loaded: a literal costs little, whoever wrote it.
        if (field.Required("pattern").Optional("String") is null)
        {
            throw field.Required("pattern").Unsupported("{\"String\": ...}");
        }

        var pattern = TextPattern.Read(field.Required("pattern"));
        var content = field.Required("content").Text();
        if (content.Length > MostReplacement)
        {
            throw field.Required("content").Broken($"is longer than {MostReplacement} characters");
        }

        _steps.Add(part =>
        {
            var replaced = new StringBuilder();
            var end = 0;
            foreach (var match in pattern.Find(part.Text))
            {
                replaced.Append(part.Text, end, match.Start - end).Append(content);
                end = match.End;
            }

            return part with { Text = replaced.Append(part.Text, end, part.Text.Length - end).ToString() };
        });
    }

    private void AddStrip(JsonField field)
    {
        var content = field.Required("content").Character();
        var (start, stop) = (field.Required("start").Count(1_000), field.Required("stop").Count(1_000));
        if (!_fused)
        {
            _steps.Add(part => part with { Text = Strip(part.Text, content, start, stop) });
            return;
        }

        // What is stripped at the end is not known before the end: a stream could not show it and take it back.
        if (stop > 0 || content != " " || _strippedSpaces > 0)
        {
            throw field.Unsupported("one Strip of spaces at the start, after Fuse");
        }

        _strippedSpaces = start;
    }

    private static string Strip(string text, string content, int start, int stop)
    {
        for (; start > 0 && text.StartsWith(content, StringComparison.Ordinal); start--)
        {
            text = text[content.Length..];
        }

        for (; stop > 0 && text.EndsWith(content, StringComparison.Ordinal); stop--)
        {
            text = text[..^content.Length];
        }

        return text;
    }

    private static byte? ByteOf(string entry) =>
        entry.Length == 6 && entry.StartsWith("<0x", StringComparison.Ordinal) && entry[5] == '>'
        && byte.TryParse(entry.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>English punctuation goes back to the word before it.</summary>
    private static string CleanUp(string text)
    {
        foreach (var (from, to) in (ReadOnlySpan<(string, string)>)
        [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
            (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ])
        {
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return text;
    }

    /// <param name="Bytes">Set when the token stands for raw bytes, which no later step changes.</param>
    /// <param name="Begins">The token is the first of a text.</param>
    private readonly record struct Part(string Text, byte[]? Bytes, bool Begins);
}
