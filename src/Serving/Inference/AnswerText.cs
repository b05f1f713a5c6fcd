using System.Buffers;
using System.Text;

namespace Serving.Inference;

/// <summary>
/// The text of one answer as its tokens arrive: bytes of a split character wait until it is whole, and text that may be the beginning of a stop
/// string is not handed out yet. Not thread-safe.
/// </summary>
internal sealed class AnswerText(IReadOnlyList<string> stops)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly ArrayBufferWriter<char> _written = new(256);
    private readonly int _longestStop = stops.Count == 0 ? 0 : stops.Max(stop => stop.Length);
    private int _length;       // of the text, which ends before a stop string
    private int _taken;

    public override string ToString() => new(_written.WrittenSpan[.._length]);

    /// <summary>Appends a token's bytes. True when a stop string is complete: the text then ends before it and takes no more.</summary>
    public bool Append(ReadOnlySpan<byte> bytes)
    {
        var start = Math.Max(0, _length - _longestStop + 1);
        Decode(bytes, flush: false);
        if (stops.Count == 0)
        {
            return false;
        }

        var found = -1;
        for (var i = 0; i < stops.Count; i++)
        {
            var at = _written.WrittenSpan[start..].IndexOf(stops[i], StringComparison.Ordinal);
            found = at >= 0 && (found < 0 || start + at < found) ? start + at : found;
        }

        if (found >= 0)
        {
            _length = found;
        }

        return found >= 0;
    }

    /// <summary>The answer ends here: bytes of an unfinished character become U+FFFD.</summary>
    public void Finish() => Decode([], flush: true);

    /// <summary>Text that has not been handed out yet and can no longer turn out to be part of a stop string.</summary>
    public string Take(bool finished)
    {
        var end = finished ? _length : _length - Undecided();
        var text = end > _taken ? new string(_written.WrittenSpan[_taken..end]) : "";
        _taken = Math.Max(_taken, end);
        return text;
    }

    /// <summary>Length of the longest ending of the text that begins a stop string.</summary>
    private int Undecided()
    {
        var text = _written.WrittenSpan[.._length];
        var longest = 0;
        for (var i = 0; i < stops.Count; i++)
        {
            for (var length = Math.Min(stops[i].Length - 1, _length); length > longest; length--)
            {
                if (text.EndsWith(stops[i].AsSpan(0, length), StringComparison.Ordinal))
                {
                    longest = length;
                }
            }
        }

        return longest;
    }

    private void Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var room = _written.GetSpan(bytes.Length + 4);       // at most one character a byte, and what was pending
        var count = _decoder.GetChars(bytes, room, flush);
        _written.Advance(count);
        _length += count;
    }
}
