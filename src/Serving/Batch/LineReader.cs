using System.Security.Cryptography;

namespace Serving.Batch;

/// <summary>Reads a file line by line in bounded memory; blank lines and a byte order mark are passed over. Not thread-safe.</summary>
internal sealed class LineReader(Stream file, int longestLine)
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _next;
    private int _filled;
    private long _position;
    private long _number;

    /// <summary>Bytes read so far, up to the end of the last line returned.</summary>
    public long Position => _position;

    /// <summary>The next line that is not blank, or null at the end.</summary>
    public Line? Read()
    {
        while (ReadOne() is { } line)
        {
            if (line.TooLong || line.Bytes.Span.ContainsAnyExcept(" \t\r"u8))
            {
                return line;
            }
        }

        return null;
    }

    private Line? ReadOne()
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var content = new MemoryStream();
        var tooLong = false;
        var start = _position;
        while (_next < _filled || Fill())
        {
            var available = _buffer.AsSpan(_next, _filled - _next);
            var stop = available.IndexOf((byte)'\n');
            var part = stop < 0 ? available : available[..stop];
            digest.AppendData(part);
            tooLong |= content.Length + part.Length > longestLine;
            if (!tooLong)
            {
                content.Write(part);
            }

            var consumed = part.Length + (stop < 0 ? 0 : 1);
            _next += consumed;
            _position += consumed;
            if (stop >= 0)
            {
                return Take(whole: true);
            }
        }

        return _position == start ? null : Take(whole: false);

        Line Take(bool whole)
        {
            _number++;
            ReadOnlyMemory<byte> bytes = tooLong ? default : content.ToArray();
            if (_number == 1 && bytes.Span.StartsWith("\uFEFF"u8))
            {
                bytes = bytes["\uFEFF"u8.Length..];
            }

            return new Line(_number, bytes, Line.DigestOf(digest.GetHashAndReset()), _position, tooLong, whole);
        }
    }

    private bool Fill()
    {
        _next = 0;
        _filled = file.Read(_buffer);
        return _filled > 0;
    }
}
