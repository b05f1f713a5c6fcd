using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Serving.Episodes;

/// <summary>
/// Writes one tf.train.Example into a TFRecord frame. Keys must come in ordinal order, so that equal episodes give equal bytes.
/// Every length is known before it is written, so nothing is copied twice. Not thread-safe.
/// </summary>
/// <remarks>
/// Example { 1: Features { 1: map&lt;string, Feature&gt; } }; Feature is one of { 1: BytesList, 2: FloatList, 3: Int64List }, each list
/// { 1: values }, numbers packed. An empty list is written too: a Feature without a kind makes TFDS's reader raise.
/// </remarks>
public sealed class ExampleWriter : IDisposable
{
    // The frame's header, then Example's tag and the length of Features, are put in front once that length is known.
    private const int Front = TfRecord.HeaderBytes + 1 + MostLengthBytes;
    private const int MostLengthBytes = 5;

    private const byte First = (1 << 3) | LengthDelimited;
    private const byte Second = (2 << 3) | LengthDelimited;
    private const byte Third = (3 << 3) | LengthDelimited;
    private const int LengthDelimited = 2;

    private readonly PooledBuffer _buffer = new(8192);
    private byte[] _lastKey = [];

    public ExampleWriter() => _buffer.Take(Front);

    public void Int64(ReadOnlySpan<byte> key, params ReadOnlySpan<long> values)
    {
        var packed = 0;
        foreach (var value in values)
        {
            packed += VarintBytes((ulong)value);
        }

        BeginNumbers(key, Third, packed);
        foreach (var value in values)
        {
            Varint((ulong)value);
        }
    }

    public void Float(ReadOnlySpan<byte> key, params ReadOnlySpan<float> values)
    {
        BeginNumbers(key, Second, values.Length * sizeof(float));
        _buffer.Append(MemoryMarshal.AsBytes(values));
    }

    /// <summary>A list of one byte string: an episode's field.</summary>
    public void Bytes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        BeginFeature(key, First, Nested(value.Length));
        Value(value);
    }

    /// <summary>A list of two byte strings: a field of both steps.</summary>
    public void Bytes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        BeginFeature(key, First, Nested(first.Length) + Nested(second.Length));
        Value(first);
        Value(second);
    }

    /// <summary>A list of any number of byte strings.</summary>
    public void ByteStrings(ReadOnlySpan<byte> key, IReadOnlyList<byte[]> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var length = 0;
        foreach (var value in values)
        {
            length = checked(length + Nested(value.Length));
        }

        BeginFeature(key, First, length);
        foreach (var value in values)
        {
            Value(value);
        }
    }

    /// <summary>Closes the record and hands over its frame; the writer is finished.</summary>
    public EncodedFrame Finish()
    {
        var features = _buffer.Count - Front;
        var start = Front - VarintBytes((ulong)features) - 1;
        _buffer.Written[start] = First;
        WriteVarint(_buffer.Written[(start + 1)..], (ulong)features);

        start -= TfRecord.HeaderBytes;
        _buffer.Take(TfRecord.FooterBytes);
        var length = _buffer.Count - start;
        TfRecord.Seal(_buffer.Written[start..]);
        return new EncodedFrame(_buffer.Detach(), start, length);
    }

    public void Dispose() => _buffer.Dispose();

    private void BeginNumbers(ReadOnlySpan<byte> key, byte kind, int packed)
    {
        // No values: the list itself is empty, and "1A 00" (or "12 00") says which kind it is.
        BeginFeature(key, kind, packed == 0 ? 0 : Nested(packed));
        if (packed > 0)
        {
            _buffer.Append(First);
            Varint((ulong)packed);
        }
    }

    /// <summary>Everything of a map entry up to the list's content, which is <paramref name="list"/> bytes long.</summary>
    private void BeginFeature(ReadOnlySpan<byte> key, byte kind, int list)
    {
        CheckOrder(key);
        var feature = Nested(list);
        _buffer.Append(First);
        Varint((ulong)(Nested(key.Length) + Nested(feature)));
        Value(key);
        _buffer.Append(Second);
        Varint((ulong)feature);
        _buffer.Append(kind);
        Varint((ulong)list);
    }

    private void Value(ReadOnlySpan<byte> value)
    {
        _buffer.Append(First);
        Varint((ulong)value.Length);
        _buffer.Append(value);
    }

    [Conditional("DEBUG")]
    private void CheckOrder(ReadOnlySpan<byte> key)
    {
        Debug.Assert(key.SequenceCompareTo(_lastKey) > 0, "Keys are written in ordinal order.");
        _lastKey = key.ToArray();
    }

    private void Varint(ulong value) => WriteVarint(_buffer.Take(VarintBytes(value)), value);

    private static void WriteVarint(Span<byte> target, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7)
        {
            target[at++] = (byte)(value | 0x80);
        }

        target[at] = (byte)value;
    }

    private static int VarintBytes(ulong value) => (70 - System.Numerics.BitOperations.LeadingZeroCount(value | 1)) / 7;

    /// <summary>Bytes of a nested message or string with its tag and length.</summary>
    private static int Nested(int length) => checked(1 + VarintBytes((ulong)length) + length);
}
