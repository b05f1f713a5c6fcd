using System.Text;

namespace Serving.Tokenization;

/// <summary>
/// Turns a stream of token ids into text, one call per token. Bytes of a character that is split over tokens wait until it is whole, so that
/// a stream never shows U+FFFD for half a character. Not thread-safe: one per stream.
/// </summary>
public sealed class TokenDecoder
{
    private readonly TextTokenizer _tokenizer;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private char[] _chars = new char[64];

    internal TokenDecoder(TextTokenizer tokenizer) => _tokenizer = tokenizer;

    /// <summary>The text that became complete with this token; empty while a character is still split.</summary>
    public string Append(int token) => Decode(_tokenizer.BytesOf(token).Span, flush: false);

    /// <summary>Whatever is left at the end, invalid bytes as U+FFFD.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var most = Encoding.UTF8.GetMaxCharCount(bytes.Length + 4);
        if (_chars.Length < most)
        {
            _chars = new char[most];
        }

        var written = _utf8.GetChars(bytes, _chars, flush);
        return written == 0 ? "" : new string(_chars, 0, written);
    }
}
