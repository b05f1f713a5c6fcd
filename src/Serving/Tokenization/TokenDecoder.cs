using System.Text;
using Serving.Tokenization.Decoding;

namespace Serving.Tokenization;

/// <summary>
/// Turns a stream of token ids into text, one call per token. Bytes of a character that is split over tokens wait until it is whole, so that
/// a stream never shows U+FFFD for half a character. Not thread-safe: one per stream.
/// </summary>
public sealed class TokenDecoder
{
    private readonly TokenBytes _bytes;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private char[] _chars = new char[64];
    private bool _started;
    private int _spacesToStrip;

    internal TokenDecoder(TokenBytes bytes)
    {
        _bytes = bytes;
        _spacesToStrip = bytes.StrippedSpaces;
    }

    /// <summary>The text that became complete with this token; empty while a character is still split.</summary>
    public string Append(int token) => Decode(Take(token), flush: false);

    /// <summary>Whatever is left at the end, invalid bytes as U+FFFD.</summary>
    public string Flush() => Decode([], flush: true);

    private ReadOnlySpan<byte> Take(int token)
    {
        var bytes = _started ? _bytes.Of(token).Span : _bytes.OfFirst(token).Span;
        if (!_started && !_bytes.Of(token).IsEmpty)
        {
            _started = true;           // special tokens are no part of the text, so they do not begin it
        }

        while (_spacesToStrip > 0 && bytes.Length > 0)
        {
            if (bytes[0] != ' ')
            {
                _spacesToStrip = 0;
                break;
            }

            bytes = bytes[1..];
            _spacesToStrip--;
        }

        return bytes;
    }

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
