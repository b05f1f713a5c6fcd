using System.Buffers.Binary;
using System.Text;
using Serving.Episodes;

namespace Serving.Tests.Episodes;

public sealed class Crc32CTests
{
    [Fact]
    public void Gives_the_check_value_of_the_catalogue() => Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void Gives_the_values_of_rfc_3720()
    {
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
    }

    [Fact]
    public void Any_length_agrees_with_the_polynomial_worked_bit_by_bit()
    {
        var data = Encoding.ASCII.GetBytes("the quick brown fox jumps over the lazy dog");

        for (var length = 0; length <= data.Length; length++)
        {
            Assert.Equal(BitByBit(data.AsSpan(0, length)), Crc32C.Compute(data.AsSpan(0, length)));
        }
    }

    [Fact]
    public void The_mask_is_that_of_a_frame_written_by_tfds()
    {
        // The header of a 1336-byte record of a dataset that TFDS wrote.
        var header = Convert.FromBase64String("OAUAAAAAAADk/0sJ");

        Assert.Equal(FrameState.Whole, TfRecord.ReadHeader(header, out var length));
        Assert.Equal(1336ul, length);
        Assert.Equal(BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)), Crc32C.Masked(header.AsSpan(0, 8)));
    }

    private static uint BitByBit(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
            }
        }

        return ~crc;
    }
}
