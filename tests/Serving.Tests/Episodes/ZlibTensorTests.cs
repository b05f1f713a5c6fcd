using System.IO.Compression;
using System.Runtime.InteropServices;
using Serving.Episodes;

namespace Serving.Tests.Episodes;

public sealed class ZlibTensorTests
{
    [Fact]
    public void Any_length_comes_back_and_is_a_zlib_stream_to_others()
    {
        foreach (var length in new[] { 0, 1, 15, 16, 31, 32, 33, 1000, 16_383, 16_384, 16_385, 100_000 })
        {
            var values = Enumerable.Range(0, length).Select(i => i * 2_654_435 % 5000).ToArray();
            foreach (var deflate in new[] { false, true })
            {
                var stream = Stream<int>(values, deflate);

                Assert.Equal(values, ZlibTensor.Read<int>(stream));
                Assert.Equal(MemoryMarshal.AsBytes<int>(values).ToArray(), Inflate(stream));
            }
        }
    }

    [Fact]
    public void The_placeholder_is_the_stream_of_nothing()
    {
        Assert.Equal(ZlibTensor.Empty.ToArray(), Stream<float>([], deflate: true));
        Assert.Empty(Inflate(ZlibTensor.Empty.ToArray()));
    }

    [Fact]
    public void Token_ids_shrink()
    {
        var values = Enumerable.Range(0, 384).Select(i => i * 2_654_435 % 5000).ToArray();

        Assert.True(Stream<int>(values, deflate: true).Length < values.Length * sizeof(int) * 2 / 3);
    }

    [Fact]
    public void A_broken_stream_is_refused()
    {
        var stored = Stream<int>([1, 2, 3], deflate: false);
        stored[8] ^= 1;
        var deflated = Stream<int>([.. Enumerable.Range(0, 500)], deflate: true);
        deflated[^1] ^= 1;

        Assert.Throws<InvalidDataException>(() => ZlibTensor.Read<int>(stored));
        Assert.Throws<InvalidDataException>(() => ZlibTensor.Read<int>(deflated));
        Assert.Throws<InvalidDataException>(() => ZlibTensor.Read<int>("no zlib at all"u8.ToArray()));
        Assert.Throws<InvalidDataException>(() => ZlibTensor.Read<int>(Stream<byte>([1, 2, 3], deflate: false)));
    }

    private static byte[] Stream<T>(T[] values, bool deflate)
        where T : unmanaged
    {
        using var target = new PooledBuffer();
        ZlibTensor.Write(target, MemoryMarshal.AsBytes<T>(values), deflate);
        return target.Written.ToArray();
    }

    private static byte[] Inflate(byte[] stream)
    {
        using var inflated = new ZLibStream(new MemoryStream(stream), CompressionMode.Decompress);
        using var raw = new MemoryStream();
        inflated.CopyTo(raw);
        return raw.ToArray();
    }
}
