using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Serving.Onnx;

/// <summary>Appends protobuf fields to one growing buffer: varint, fixed32 and length-delimited, which is all that ONNX needs. Not thread-safe.</summary>
internal sealed class WireWriter
{
    private const int Varint = 0;
    private const int Delimited = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public void Integer(int field, long value)
    {
        Tag(field, Varint);
        Raw((ulong)value);
    }

    public void Number(int field, float value)
    {
        Tag(field, Fixed32);
        BinaryPrimitives.WriteSingleLittleEndian(_buffer.GetSpan(sizeof(float)), value);
        _buffer.Advance(sizeof(float));
    }

    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Delimited);
        Raw((ulong)value.Length);
        _buffer.Write(value);
    }

    /// <summary>A nested message: filled apart, since its length stands before it.</summary>
    public void Message(int field, Action<WireWriter> fill)
    {
        var nested = new WireWriter();
        fill(nested);
        Bytes(field, nested.Written);
    }

    private void Tag(int field, int wireType) => Raw((ulong)((field << 3) | wireType));

    private void Raw(ulong value)
    {
        // Seven bits a byte, lowest first; negative numbers take all ten bytes.
        var length = Math.Max(1, (BitOperations.Log2(value) / 7) + 1);
        var span = _buffer.GetSpan(length);
        for (var i = 0; i < length; i++, value >>= 7)
        {
            span[i] = (byte)(i == length - 1 ? value : (value & 0x7F) | 0x80);
        }

        _buffer.Advance(length);
    }
}
