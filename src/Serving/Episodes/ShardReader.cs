using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Serving.Episodes;

/// <summary>Reads one shard frame by frame from an offset on, while another process may still append to it. Not thread-safe.</summary>
internal sealed class ShardReader : IDisposable
{
    private const int SmallestWindow = 64 << 10;
    private const int Window = 1 << 20;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private byte[] _buffer = [];
    private int _start;                 // of the bytes in the buffer that belong to no returned frame yet
    private int _end;

    /// <param name="records">How many frames lie before <paramref name="offset"/>; only counted on and named in messages.</param>
    /// <exception cref="FileNotFoundException">There is no such shard.</exception>
    public ShardReader(string path, long offset = 0, long records = 0)
    {
        _path = path;
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Offset = offset;
        Records = records;
    }

    /// <summary>Where the next frame begins.</summary>
    public long Offset { get; private set; }

    /// <summary>Frames before <see cref="Offset"/>.</summary>
    public long Records { get; private set; }

    public long FileBytes => RandomAccess.GetLength(_file);

    /// <summary>The next record, valid until the next call; anything but <see cref="FrameState.Whole"/> leaves the reader where it is.</summary>
    public FrameState Next(out ReadOnlyMemory<byte> payload)
    {
        var state = Peek(out payload);
        if (state is not FrameState.Whole)
        {
            // The window may have been read while the writer was at it. A second look is enough to be sure: a frame whose commit byte
            // was seen is complete in the file, and one that was not is "uncommitted" or cut off.
            _start = _end = 0;
            state = Peek(out payload);
        }

        if (state is FrameState.Whole)
        {
            var frame = payload.Length + TfRecord.FramingBytes;
            _start += frame;
            Offset += frame;
            Records++;
        }

        return state;
    }

    /// <summary>The exact fault at <see cref="Offset"/>, after <see cref="Next"/> found one.</summary>
    public InvalidDataException Damage(FrameState state)
    {
        Fill(TfRecord.HeaderBytes);
        var header = _buffer.AsSpan(_start, Math.Min(_end - _start, TfRecord.HeaderBytes));
        var rest = Math.Max(0, FileBytes - Offset);
        return Damage(state switch
        {
            FrameState.TruncatedHeader => $"truncated header: {rest} of {TfRecord.HeaderBytes} bytes are there",
            FrameState.Uncommitted => "length CRC: the group of appends that begins here was never committed",
            FrameState.LengthChecksum =>
                $"length CRC: stored 0x{TfRecord.StoredLengthChecksum(header):x8}, computed 0x{TfRecord.ComputedLengthChecksum(header):x8}",
            FrameState.TruncatedPayload =>
                $"truncated payload: the record is {FrameBytes(header)} bytes long with its frame, {rest} are there",
            FrameState.PayloadChecksum => PayloadFault((int)FrameBytes(header)),
            _ => $"the record is {FrameBytes(header)} bytes long, more than can be read",
        });
    }

    /// <summary>A fault of the record before <see cref="Offset"/>, whose frame is sound.</summary>
    public InvalidDataException DamageInside(long offset, Exception fault) => Place(Records - 1, offset, fault.Message, fault);

    public InvalidDataException Damage(string fault) => Place(Records, Offset, fault, null);

    public void Dispose()
    {
        _file.Dispose();
        Return();
    }

    private FrameState Peek(out ReadOnlyMemory<byte> payload)
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

        if (length > (ulong)Math.Max(0, FileBytes - Offset))
        {
            return FrameState.TruncatedPayload;
        }

        if (length > (ulong)(Array.MaxLength - TfRecord.FramingBytes))
        {
            return FrameState.Oversized;
        }

        var frame = (int)length + TfRecord.FramingBytes;
        if (!Fill(frame))
        {
            return FrameState.TruncatedPayload;
        }

        var bytes = _buffer.AsSpan(_start, frame);
        if (TfRecord.StoredPayloadChecksum(bytes) != TfRecord.ComputedPayloadChecksum(bytes))
        {
            return FrameState.PayloadChecksum;
        }

        payload = _buffer.AsMemory(_start + TfRecord.HeaderBytes, (int)length);
        return FrameState.Whole;
    }

    /// <summary>Brings at least <paramref name="count"/> bytes of the next frame into the buffer; false when the file ends before.</summary>
    private bool Fill(int count)
    {
        if (_end - _start >= count)
        {
            return true;
        }

        Reserve(count);
        while (_end - _start < count)
        {
            var read = RandomAccess.Read(_file, _buffer.AsSpan(_end), Offset + _end - _start);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }

    private void Reserve(int count)
    {
        var rest = _buffer.AsSpan(_start, _end - _start);
        if (_buffer.Length < count || _buffer.Length == 0)
        {
            var window = Math.Clamp(FileBytes - Offset, SmallestWindow, Window);
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(window, count));
            rest.CopyTo(larger);
            Return();
            _buffer = larger;
        }
        else
        {
            rest.CopyTo(_buffer);
        }

        _end -= _start;
        _start = 0;
    }

    private void Return()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    private static ulong FrameBytes(ReadOnlySpan<byte> header)
    {
        TfRecord.ReadHeader(header, out var length);
        return length + TfRecord.FramingBytes;
    }

    private string PayloadFault(int frame)
    {
        Fill(frame);
        var bytes = _buffer.AsSpan(_start, frame);
        return $"payload CRC: stored 0x{TfRecord.StoredPayloadChecksum(bytes):x8}, computed 0x{TfRecord.ComputedPayloadChecksum(bytes):x8}";
    }

    private InvalidDataException Place(long record, long offset, string fault, Exception? inner) =>
        new($"Shard '{_path}', record {record} at byte {offset}: {fault}.", inner);
}
