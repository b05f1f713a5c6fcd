using System.Buffers.Binary;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>What exactly is wrong with a frame, and whether what follows can still be read.</summary>
/// <param name="Fault">For people.</param>
/// <param name="FrameBytes">Length of the damaged frame when it is certain; null when the rest of the shard cannot be cut into records.</param>
internal sealed record FrameDiagnosis(string Fault, int? FrameBytes)
{
    /// <summary>Longest frame that is read on the mere suspicion that its length is right.</summary>
    private const int LongestGuess = 256 << 20;

    /// <param name="reader">Stands at the frame.</param>
    /// <param name="state">What it found there: neither whole nor the end.</param>
    public static FrameDiagnosis Of(FrameReader reader, FrameState state)
    {
        var header = reader.Peek(TfRecord.HeaderBytes).ToArray();
        switch (state)
        {
            case FrameState.TruncatedHeader:
                return new($"cut tail: {header.Length} of the {TfRecord.HeaderBytes} bytes of a header are there", null);
            case FrameState.TruncatedPayload:
                TfRecord.ReadHeader(header, out var length);
                return new(
                    $"cut tail: the record is {(Int128)length + TfRecord.FramingBytes} bytes long with its frame, {reader.Rest(LongestGuess)} are there",
                    null);
            case FrameState.Uncommitted:
                return new("cut tail: the group of appends that begins here was never committed", null);
            case FrameState.PayloadChecksum:
                return Payload(reader, header);
            case FrameState.LengthChecksum:
                return Length(reader, header);
            default:
                return new("the record is longer than can be read", null);
        }
    }

    private static FrameDiagnosis Payload(FrameReader reader, byte[] header)
    {
        TfRecord.ReadHeader(header, out var length);
        var frame = reader.Peek((int)length + TfRecord.FramingBytes);
        var (stored, computed) = (TfRecord.StoredPayloadChecksum(frame), TfRecord.ComputedPayloadChecksum(frame));
        var sums = $"stored 0x{stored:x8}, computed 0x{computed:x8}";
        if (OneByte(stored ^ computed) is { } place)
        {
            var at = reader.Offset + TfRecord.HeaderBytes + (long)length + place;
            return new($"payload CRC: {sums}; the CRC's own byte at {at} changed, the payload is sound", frame.Length);
        }

        if (FlippedByte.Find(stored, computed, (int)length) is { } flipped)
        {
            var value = frame[TfRecord.HeaderBytes + flipped.Index];
            return new(
                $"payload: the byte at {reader.Offset + TfRecord.HeaderBytes + flipped.Index} is 0x{value:x2} and was 0x{value ^ flipped.Bits:x2} (CRC {sums})",
                frame.Length);
        }

        return new($"payload: more than one byte changed (CRC {sums})", frame.Length);
    }

    /// <summary>
    /// The length or its CRC? The length is right if a payload with the right CRC ends where it says; it is the length if changing one byte of it
    /// makes the CRC fit.
    /// </summary>
    private static FrameDiagnosis Length(FrameReader reader, byte[] header)
    {
        var (stored, computed) = (TfRecord.StoredLengthChecksum(header), TfRecord.ComputedLengthChecksum(header));
        var sums = $"stored 0x{stored:x8}, computed 0x{computed:x8}";
        var length = BinaryPrimitives.ReadUInt64LittleEndian(header);
        if (FrameAt(reader, length) is { } sound)
        {
            return new($"length CRC: {sums}; the length is right, its CRC changed", sound);
        }

        for (var place = 0; place < sizeof(ulong); place++)
        {
            var found = header[place];
            for (var value = 0; value < 256; value++)
            {
                header[place] = (byte)value;
                if (TfRecord.ComputedLengthChecksum(header) == stored)
                {
                    var right = BinaryPrimitives.ReadUInt64LittleEndian(header);
                    return new(
                        $"length: the byte at {reader.Offset + place} is 0x{found:x2} and was 0x{value:x2} (length {length} for {right}; CRC {sums})",
                        FrameAt(reader, right));
                }
            }

            header[place] = found;
        }

        return new($"length CRC: {sums}; neither can be trusted", null);
    }

    private static int? FrameAt(FrameReader reader, ulong length)
    {
        if (length > LongestGuess)
        {
            return null;
        }

        var bytes = (int)length + TfRecord.FramingBytes;
        var frame = reader.Peek(bytes);
        return frame.Length == bytes && FrameReader.PayloadHolds(frame) ? bytes : null;
    }

    private static int? OneByte(uint difference)
    {
        for (var place = 0; place < sizeof(uint); place++)
        {
            if ((difference & ~(0xFFu << (8 * place))) == 0)
            {
                return place;
            }
        }

        return null;
    }
}
