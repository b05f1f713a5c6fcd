using System.Buffers.Binary;
using System.IO.Compression;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// Reads a shard frame by frame, plain or in a gzip or zlib container. A length that lies costs no memory: the buffer grows with what is really
/// there. Not thread-safe.
/// </summary>
internal sealed class FrameReader : IDisposable
{
    private const int Window = 1 << 20;

    private readonly Stream _stream;
    private byte[] _buffer = new byte[Window];
    private int _start;
    private int _end;

    private FrameReader(Stream stream, string container, long offset, long records)
    {
        (_stream, Container) = (stream, container);
        (Offset, Records) = (offset, records);
    }

    /// <summary>"", "gzip" or "zlib".</summary>
    public string Container { get; }

    /// <summary>Where the next frame begins, in the unpacked bytes.</summary>
    public long Offset { get; private set; }

    /// <summary>Frames before it.</summary>
    public long Records { get; private set; }

    /// <param name="path">A shard file.</param>
    /// <param name="offset">Where to begin; only 0 in a container.</param>
    /// <param name="records">How many frames lie before that.</param>
    public static FrameReader Open(string path, long offset = 0, long records = 0)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        try
        {
            Span<byte> head = stackalloc byte[TfRecord.HeaderBytes];
            var container = ContainerOf(head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]);
            file.Position = offset;
            Stream stream = container switch
            {
                "gzip" => new GZipStream(file, CompressionMode.Decompress),
                "zlib" => new ZLibStream(file, CompressionMode.Decompress),
                _ => file,
            };
            return new FrameReader(stream, container, offset, records);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The next record, valid until the next call; anything but <see cref="FrameState.Whole"/> leaves the reader where it is.</summary>
    /// <exception cref="InvalidDataException">The container is damaged.</exception>
    public FrameState Next(out ReadOnlyMemory<byte> payload)
    {
        payload = default;
        if (!Fill(TfRecord.HeaderBytes))
        {
            return _start == _end ? FrameState.End : FrameState.TruncatedHeader;
        }

        var state = TfRecord.ReadHeader(_buffer.AsSpan(_start, TfRecord.HeaderBytes), out var length);
        if (state is not FrameState.Whole)
        {
            return state;
        }

        if (length > (ulong)(Array.MaxLength - TfRecord.FramingBytes))
        {
            return _stream.CanSeek && length > (ulong)(_stream.Length - Offset) ? FrameState.TruncatedPayload : FrameState.Oversized;
        }

        var frame = (int)length + TfRecord.FramingBytes;
        if (!Fill(frame))
        {
            return FrameState.TruncatedPayload;
        }

        if (!PayloadHolds(_buffer.AsSpan(_start, frame)))
        {
            return FrameState.PayloadChecksum;
        }

        payload = _buffer.AsMemory(_start + TfRecord.HeaderBytes, (int)length);
        Skip(frame);
        return FrameState.Whole;
    }

    /// <summary>The bytes at <see cref="Offset"/>, as many of them as are there; valid until the next call.</summary>
    public Span<byte> Peek(int count)
    {
        Fill(count);
        return _buffer.AsSpan(_start, Math.Min(count, _end - _start));
    }

    /// <summary>Goes past a damaged frame whose length is known and which was looked at.</summary>
    public void Skip(int frameBytes)
    {
        _start += frameBytes;
        Offset += frameBytes;
        Records++;
    }

    /// <summary>How many bytes follow, at most <paramref name="limit"/> of them counted where the end is not known.</summary>
    public long Rest(int limit) => _stream.CanSeek ? Math.Max(0, _stream.Length - Offset) : Peek(limit).Length;

    public void Dispose() => _stream.Dispose();

    public static bool PayloadHolds(ReadOnlySpan<byte> frame) => TfRecord.StoredPayloadChecksum(frame) == TfRecord.ComputedPayloadChecksum(frame);

    private bool Fill(int count)
    {
        if (_end - _start >= count)
        {
            return true;
        }

        // A plain file says how much is left, so that a long record is not read only to find that its end is missing.
        if (_stream.CanSeek && count > _stream.Length - Offset)
        {
            count = (int)Math.Max(0, Math.Min(count, _stream.Length - Offset));
            Read(Math.Min(count, Window));
            return false;
        }

        Read(count);
        return _end - _start >= count;
    }

    private void Read(int count)
    {
        while (_end - _start < count)
        {
            if (_end == _buffer.Length)
            {
                Grow(count);
            }

            // Reading goes on where the window ends; a live shard may have grown meanwhile.
            var read = _stream.Read(_buffer.AsSpan(_end));
            if (read == 0)
            {
                return;
            }

            _end += read;
        }
    }

    /// <summary>Moves the rest to the front, into a larger array when it fills this one.</summary>
    private void Grow(int count)
    {
        var rest = _buffer.AsSpan(_start, _end - _start);
        var room = rest.Length <= _buffer.Length / 2 ? _buffer.Length : (int)Math.Min(Array.MaxLength, Math.Max(2L * _buffer.Length, Math.Min(count, 2L * rest.Length)));
        var target = room == _buffer.Length ? _buffer : new byte[room];
        rest.CopyTo(target);
        (_buffer, _end, _start) = (target, rest.Length, 0);
    }

    /// <summary>A plain shard begins with a length that fits its CRC, which no header of a container does but by chance.</summary>
    private static string ContainerOf(ReadOnlySpan<byte> head)
    {
        if (head.Length < 2 || (head.Length == TfRecord.HeaderBytes && TfRecord.ReadHeader(head, out _) is FrameState.Whole or FrameState.Uncommitted))
        {
            return "";
        }

        if (head.Length > 2 && head[0] == 0x1F && head[1] == 0x8B && head[2] == 8)
        {
            return "gzip";
        }

        // RFC 1950: method 8, a check over two bytes. A damaged plain length has four zeros behind, which no zlib stream of records has.
        var zlib = (head[0] & 0x0F) == 8 && BinaryPrimitives.ReadUInt16BigEndian(head) % 31 == 0;
        return zlib && head.Length >= 8 && head[4..8].ContainsAnyExcept((byte)0) ? "zlib" : "";
    }
}
