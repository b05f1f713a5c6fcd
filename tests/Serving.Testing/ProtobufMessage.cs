using System.Buffers.Binary;
using System.Text;

namespace Serving.Testing;

/// <summary>One field of a protobuf message: a number, or bytes that may be a message themselves.</summary>
public readonly record struct ProtobufField(int Number, ulong Value, ReadOnlyMemory<byte> Bytes)
{
    public ProtobufMessage Message => new(Bytes);

    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    public string Hex => Convert.ToHexStringLower(Bytes.Span);
}

/// <summary>The fields of one protobuf message, read by the wire format alone and by no code of the product.</summary>
public sealed class ProtobufMessage(ReadOnlyMemory<byte> bytes)
{
    private readonly List<ProtobufField> _fields = Read(bytes.Span, bytes);

    public IEnumerable<ProtobufField> All(int number) => _fields.Where(field => field.Number == number);

    /// <summary>The last field of this number, as the format wants it; empty when absent.</summary>
    public ProtobufField One(int number) => _fields.LastOrDefault(field => field.Number == number);

    private static List<ProtobufField> Read(ReadOnlySpan<byte> span, ReadOnlyMemory<byte> bytes)
    {
        var fields = new List<ProtobufField>();
        for (var at = 0; at < span.Length;)
        {
            var tag = Varint(span, ref at);
            var number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    fields.Add(new ProtobufField(number, Varint(span, ref at), default));
                    break;
                case 1:
                    fields.Add(new ProtobufField(number, BinaryPrimitives.ReadUInt64LittleEndian(span[at..]), default));
                    at += sizeof(ulong);
                    break;
                case 2:
                    var length = (int)Varint(span, ref at);
                    fields.Add(new ProtobufField(number, 0, bytes.Slice(at, length)));
                    at += length;
                    break;
                case 5:
                    fields.Add(new ProtobufField(number, BinaryPrimitives.ReadUInt32LittleEndian(span[at..]), default));
                    at += sizeof(uint);
                    break;
                default:
                    throw new InvalidDataException($"Field {number} has wire type {tag & 7}.");
            }
        }

        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> span, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var next = span[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
