using System.Buffers.Binary;

namespace Serving.Episodes;

/// <summary>
/// The frame around a record: u64 length | u32 masked CRC of it | payload | u32 masked CRC of the payload, all little-endian.
/// A file is nothing but frames. One bit pattern is ours and never left in a finished file: the <em>commit byte</em> (the last byte of the
/// length CRC) of the first frame of a group is written inverted with the group and put right once all bytes of the group are in the file,
/// so a reader meets either the whole group or none of it, and a group whose write failed was never visible.
/// </summary>
public static class TfRecord
{
    /// <summary>Length and its CRC.</summary>
    public const int HeaderBytes = 12;

    /// <summary>The payload's CRC.</summary>
    public const int FooterBytes = 4;

    /// <summary>What a frame is longer than its payload.</summary>
    public const int FramingBytes = HeaderBytes + FooterBytes;

    /// <summary>Where the commit byte lies in a frame.</summary>
    public const int CommitByte = 11;

    private const int LengthBytes = 8;
    private const uint CommitMask = 0xFF000000;

    /// <summary>Fills in header and footer of <paramref name="frame"/>, whose payload is already in its place.</summary>
    public static void Seal(Span<byte> frame)
    {
        var payload = frame[HeaderBytes..^FooterBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[LengthBytes..], Crc32C.Masked(frame[..LengthBytes]));
        BinaryPrimitives.WriteUInt32LittleEndian(frame[^FooterBytes..], Crc32C.Masked(payload));
    }

    /// <summary>The payload's length, or what is wrong with the header.</summary>
    public static FrameState ReadHeader(ReadOnlySpan<byte> header, out ulong payloadLength)
    {
        payloadLength = BinaryPrimitives.ReadUInt64LittleEndian(header);
        return (StoredLengthChecksum(header) ^ Crc32C.Masked(header[..LengthBytes])) switch
        {
            0 => FrameState.Whole,
            CommitMask => FrameState.Uncommitted,
            _ => FrameState.LengthChecksum,
        };
    }

    /// <summary>The masked CRC of the length, of a header of <see cref="HeaderBytes"/> bytes.</summary>
    public static uint StoredLengthChecksum(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[LengthBytes..]);

    /// <summary>What it should be.</summary>
    public static uint ComputedLengthChecksum(ReadOnlySpan<byte> header) => Crc32C.Masked(header[..LengthBytes]);

    /// <summary>The masked CRC of the payload, of a whole frame.</summary>
    public static uint StoredPayloadChecksum(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[^FooterBytes..]);

    /// <summary>What it should be.</summary>
    public static uint ComputedPayloadChecksum(ReadOnlySpan<byte> frame) => Crc32C.Masked(frame[HeaderBytes..^FooterBytes]);
}
