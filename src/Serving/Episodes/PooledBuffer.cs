using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace Serving.Episodes;

/// <summary>A growing run of bytes in a pooled array; a <see cref="Stream"/> so that a compressor can write into it. Not thread-safe.</summary>
internal sealed class PooledBuffer(int capacity = 4096) : Stream
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(capacity);
    private int _length;

    public int Count => _length;

    public Span<byte> Written => _bytes.AsSpan(0, _length);

    public void Clear() => _length = 0;

    /// <summary>Room for exactly <paramref name="count"/> bytes, which the caller fills.</summary>
    public Span<byte> Take(int count)
    {
        var end = checked(_length + count);
        if (end > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max((long)end, 2L * _bytes.Length), Array.MaxLength));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        var taken = _bytes.AsSpan(_length, count);
        _length = end;
        return taken;
    }

    public void Append(byte value) => Take(1)[0] = value;

    public void Append(ReadOnlySpan<byte> values) => values.CopyTo(Take(values.Length));

    /// <summary>The values' bytes as they lie in memory, which on every machine that this runs on is little-endian.</summary>
    public void AppendRaw<T>(ReadOnlySpan<T> values)
        where T : unmanaged => Append(MemoryMarshal.AsBytes(values));

    public void AppendText(ReadOnlySpan<char> text, Encoding encoding) => encoding.GetBytes(text, Take(encoding.GetByteCount(text)));

    /// <summary>Hands the array to the caller, who returns it to the shared pool; this buffer is finished.</summary>
    public byte[] Detach()
    {
        var bytes = _bytes;
        _bytes = [];
        _length = 0;
        return bytes;
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => Append(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer) => Append(buffer);

    protected override void Dispose(bool disposing)
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(Detach());
        }

        base.Dispose(disposing);
    }
}
