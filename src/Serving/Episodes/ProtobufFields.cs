using System.Buffers.Binary;

namespace Serving.Episodes;

/// <summary>Walks the fields of one protobuf message without copying.</summary>
internal ref struct ProtobufFields(ReadOnlyMemory<byte> message)
{
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int MessageType = 2;
    private const int Fixed32Type = 5;

    private readonly ReadOnlySpan<byte> _span = message.Span;
    private int _at;
    private int _type;
    private int _valueStart;
    private int _valueLength;
    private ulong _varint;

    public int Number { get; private set; }

    public readonly bool AtEnd => _at == _span.Length;

    public readonly bool IsMessage => _type == MessageType;

    /// <summary>Reads the next field whole; false at the end of the message.</summary>
    public bool Next()
    {
        if (AtEnd)
        {
            return false;
        }

        var start = _at;
        var tag = RawVarint();
        _type = (int)(tag & 7);
        Number = tag >> 3 is >= 1 and <= (1 << 29) - 1 ? (int)(tag >> 3) : throw Damage(start, "no field has this number");
        switch (_type)
        {
            case VarintType:
                _varint = RawVarint();
                break;
            case Fixed64Type:
                Value(sizeof(ulong), start);
                break;
            case MessageType:
                Value(RawVarint(), start);
                break;
            case Fixed32Type:
                Value(sizeof(uint), start);
                break;
            default:
                throw Damage(start, "unknown wire type");
        }

        return true;
    }

    public readonly ReadOnlyMemory<byte> Message() => IsMessage
        ? message.Slice(_valueStart, _valueLength)
        : throw Damage(_at, "a message or string was expected");

    public readonly uint Fixed32() => _type == Fixed32Type
        ? BinaryPrimitives.ReadUInt32LittleEndian(_span[_valueStart..])
        : throw Damage(_at, "a float was expected");

    public readonly ulong Varint() => _type == VarintType ? _varint : throw Damage(_at, "an integer was expected");

    /// <summary>A varint without a tag, as in a packed list.</summary>
    public ulong RawVarint()
    {
        var start = _at;
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (AtEnd)
            {
                throw Damage(start, "a number is cut off");
            }

            var next = _span[_at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Damage(start, "a number is longer than ten bytes");
    }

    private void Value(ulong length, int start)
    {
        if (length > (ulong)(_span.Length - _at))
        {
            throw Damage(start, "a value reaches past the end of its message");
        }

        _valueStart = _at;
        _valueLength = (int)length;
        _at += (int)length;
    }

    private static InvalidDataException Damage(int at, string what) => new($"protobuf damage: {what} (byte {at} of its message)");
}
