using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Serving.Episodes;

/// <summary>
/// Lists and maps of strings as JSON in a Text field, without loss: also strings that are no valid UTF-16 (a lone surrogate is written as
/// its \u escape, which JSON allows), so that no odd text can keep an answered request out of the log.
/// </summary>
internal static class JsonText
{
    // Control characters, quote, backslash, and every surrogate (looked at in pairs).
    private static readonly SearchValues<char> _special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    public static void WriteArray(PooledBuffer target, IEnumerable<string> items)
    {
        target.Append((byte)'[');
        var first = true;
        foreach (var item in items)
        {
            if (!first)
            {
                target.Append((byte)',');
            }

            first = false;
            WriteString(target, item);
        }

        target.Append((byte)']');
    }

    public static void WriteObject(PooledBuffer target, IReadOnlyDictionary<string, string> items)
    {
        target.Append((byte)'{');
        var first = true;
        foreach (var (name, value) in items)
        {
            if (!first)
            {
                target.Append((byte)',');
            }

            first = false;
            WriteString(target, name);
            target.Append((byte)':');
            WriteString(target, value);
        }

        target.Append((byte)'}');
    }

    /// <exception cref="InvalidDataException">No JSON array of strings.</exception>
    public static string[] ReadArray(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            Expect(ref reader, JsonTokenType.StartArray);
            var items = new List<string>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                items.Add(String(ref reader));
            }

            ExpectEnd(ref reader);
            return [.. items];
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            throw new InvalidDataException($"no JSON array of strings ({e.Message})", e);
        }
    }

    /// <exception cref="InvalidDataException">No JSON object of strings.</exception>
    public static Dictionary<string, string> ReadObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            Expect(ref reader, JsonTokenType.StartObject);
            var items = new Dictionary<string, string>(StringComparer.Ordinal);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var name = String(ref reader);
                reader.Read();
                items[name] = String(ref reader);
            }

            ExpectEnd(ref reader);
            return items;
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            throw new InvalidDataException($"no JSON object of strings ({e.Message})", e);
        }
    }

    private static void WriteString(PooledBuffer target, ReadOnlySpan<char> text)
    {
        target.Append((byte)'"');
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAny(_special);
            plain = plain < 0 ? text.Length : plain;
            if (plain == 0 && text.Length > 1 && char.IsSurrogatePair(text[0], text[1]))
            {
                plain = 2;
            }

            if (plain > 0)
            {
                target.AppendText(text[..plain], _utf8);
                text = text[plain..];
                continue;
            }

            WriteEscape(target, text[0]);
            text = text[1..];
        }

        target.Append((byte)'"');
    }

    private static void WriteEscape(PooledBuffer target, char c)
    {
        target.Append((byte)'\\');
        if (c is '"' or '\\')
        {
            target.Append((byte)c);
            return;
        }

        ((int)c).TryFormat(target.Take(5)[1..], out _, "x4");
        target.Written[^5] = (byte)'u';
    }

    private static string String(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
        {
            throw new JsonException($"a string was expected, not {reader.TokenType}");
        }

        var text = _utf8.GetString(reader.ValueSpan);
        return reader.ValueIsEscaped ? Unescape(text) : text;
    }

    /// <summary>By hand, since System.Text.Json refuses the escape of a lone surrogate. The reader has checked the syntax.</summary>
    private static string Unescape(ReadOnlySpan<char> text)
    {
        var plain = new StringBuilder(text.Length);
        while (!text.IsEmpty)
        {
            if (text[0] != '\\')
            {
                var run = text.IndexOf('\\');
                plain.Append(run < 0 ? text : text[..run]);
                text = run < 0 ? [] : text[run..];
                continue;
            }

            plain.Append(text[1] switch
            {
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => (char)Convert.ToUInt16(text[2..6].ToString(), 16),
                var itself => itself,
            });
            text = text[(text[1] == 'u' ? 6 : 2)..];
        }

        return plain.ToString();
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (!reader.Read() || reader.TokenType != type)
        {
            throw new JsonException($"{type} was expected");
        }
    }

    private static void ExpectEnd(ref Utf8JsonReader reader)
    {
        if (reader.Read())
        {
            throw new JsonException("there is more after the end");
        }
    }
}
