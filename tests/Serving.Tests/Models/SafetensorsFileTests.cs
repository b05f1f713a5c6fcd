using System.Buffers.Binary;
using System.Text;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder.File("model.safetensors");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_written_is_read_back_bit_for_bit()
    {
        float[] values = [1.5f, float.NaN, -0f, float.NegativeInfinity, float.Epsilon, 3];
        SafetensorsWriter.Write(Target, [new("a.weight", [2, 3], values), new("b", [], new float[] { 7 }), new("none", [0, 4], Array.Empty<float>())]);

        using var file = SafetensorsFile.Open(Target);

        Assert.Equal(["a.weight", "b", "none"], file.Tensors.Keys.Order());
        Assert.Equal(values.Select(BitConverter.SingleToUInt32Bits), file.ReadFloats("a.weight").Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal([7f], file.ReadFloats("b"));
        Assert.Empty(file.ReadFloats("none"));
        Assert.Equal(24, file.Bytes(file.Find("a.weight", 2, 3)).Length);
    }

    [Fact]
    public void Tensors_lie_one_after_the_other_behind_a_header_of_whole_pages()
    {
        SafetensorsWriter.Write(Target, [new("q", [2, 2], new float[4]), new("k", [1, 2], new float[2]), new("v", [1, 2], new float[2])]);

        using var file = SafetensorsFile.Open(Target);

        var (q, k, v) = (file.Find("q"), file.Find("k"), file.Find("v"));
        Assert.Equal(0, q.Offset % 4096);
        Assert.Equal(q.Offset + q.Length, k.Offset);
        Assert.Equal(k.Offset + k.Length, v.Offset);
        Assert.Equal(new FileInfo(Target).Length, v.Offset + v.Length);
    }

    [Fact]
    public void A_tensor_that_was_given_up_leaves_memory_and_is_read_again_all_the_same()
    {
        float[] before = [.. Enumerable.Range(0, 999)], large = [.. Enumerable.Range(0, 1 << 20).Select(i => i * 0.5f)], after = [1, 2, 3];
        SafetensorsWriter.Write(Target, [new("before", [999], before), new("large", [1024, 1024], large), new("after", [3], after)]);
        using var file = SafetensorsFile.Open(Target);
        var entry = file.Find("large");
        Assert.Equal(large, file.ReadFloats("large"));
        var held = Resident(Target);

        file.Release(entry);

        if (OperatingSystem.IsLinux())
        {
            Assert.InRange(Resident(Target), 0, held - (3L << 20));
        }

        Assert.Equal(large, file.ReadFloats("large"));
        Assert.Equal(before, file.ReadFloats("before"));
        Assert.Equal(after, file.ReadFloats("after"));
        file.Release(file.Find("after"));                                // less than a page: nothing happens
        Assert.Equal(after, file.ReadFloats("after"));
    }

    [Fact]
    public void A_file_that_is_replaced_stays_whole_for_those_who_have_it_open()
    {
        SafetensorsWriter.Write(Target, [new("w", [2], new float[] { 1, 2 })]);
        using var old = SafetensorsFile.Open(Target);

        SafetensorsWriter.Write(Target, [new("w", [1], new float[] { 9 })]);

        using var replaced = SafetensorsFile.Open(Target);
        Assert.Equal([1f, 2f], old.ReadFloats("w"));
        Assert.Equal([9f], replaced.ReadFloats("w"));
        Assert.Equal([Target], Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData("F16", new byte[] { 0x00, 0x3E, 0x00, 0xC0 })]         // 1.5 = 0x3E00, -2 = 0xC000
    [InlineData("BF16", new byte[] { 0xC0, 0x3F, 0x00, 0xC0 })]        // the upper halves of 0x3FC00000 and 0xC0000000
    public void Half_precision_is_widened_exactly(string dtype, byte[] data)
    {
        Raw("""{"w":{"dtype":"?","shape":[2],"data_offsets":[0,4]}}""".Replace("?", dtype, StringComparison.Ordinal), data);

        using var file = SafetensorsFile.Open(Target);

        Assert.Equal([1.5f, -2f], file.ReadFloats("w"));
    }

    [Theory]
    [InlineData("I64", 8)]
    [InlineData("BOOL", 1)]
    [InlineData("F8_E5M2", 1)]
    [InlineData("Q7", 3)]
    public void A_tensor_of_another_dtype_is_in_nobodys_way_until_it_is_asked_for(string dtype, int bytes)
    {
        Raw($$$"""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"{{{dtype}}}","shape":[1],"data_offsets":[4,{{{4 + bytes}}}]}}""",
            [0, 0, 0x80, 0x3F, .. new byte[bytes]]);

        using var file = SafetensorsFile.Open(Target);

        Assert.Equal([1f], file.ReadFloats("w"));
        Assert.Equal($"{Target}: tensor \"x\" has dtype {dtype}; supported are F32, F16 and BF16.", Assert.Throws<SafetensorsException>(() => file.Find("x", 1)).Message);
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Many_values_at_an_odd_place_are_widened_like_each_alone(string dtype)
    {
        // More than the reader takes at once, and behind a tensor of one byte.
        const int Count = 10_007;
        var random = new Random(5);
        var (width, bytes) = (dtype == "F32" ? 4 : 2, new List<byte> { 9 });
        var expected = new uint[Count];
        for (var i = 0; i < Count; i++)
        {
            var value = (float)(random.NextDouble() - 0.5);
            var bits = BitConverter.SingleToUInt32Bits(value);
            var half = BitConverter.HalfToUInt16Bits((Half)value);
            bytes.AddRange(dtype switch { "F32" => BitConverter.GetBytes(bits), "F16" => BitConverter.GetBytes(half), _ => BitConverter.GetBytes((ushort)(bits >> 16)) });
            expected[i] = dtype switch { "F32" => bits, "F16" => BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf(half)), _ => bits >> 16 << 16 };
        }

        Raw($$$"""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"{{{dtype}}}","shape":[{{{Count}}}],"data_offsets":[1,{{{1 + (Count * width)}}}]}}""",
            [.. bytes]);
        using var file = SafetensorsFile.Open(Target);

        Assert.Equal(expected, file.ReadFloats("w").Select(BitConverter.SingleToUInt32Bits));
        Assert.Throws<ArgumentException>(() => file.ReadFloats(file.Find("w"), new float[Count - 1]));
    }

    [Fact]
    public unsafe void The_address_is_that_of_the_bytes_and_an_entry_of_another_file_is_refused()
    {
        SafetensorsWriter.Write(Target, [new("a", [2], new float[] { 1, 2 }), new("b", [1], new float[] { 3 })]);
        SafetensorsWriter.Write(_folder.File("other.safetensors"), [new("b", [1], new float[] { 4 })]);
        using var file = SafetensorsFile.Open(Target);
        using var other = SafetensorsFile.Open(_folder.File("other.safetensors"));

        Assert.Equal(3f, *(float*)file.Address(file.Find("b")));
        Assert.Equal("other.safetensors", other.Find("b").File);
        Assert.Throws<ArgumentException>(() => file.Address(other.Find("b")));
        Assert.Throws<ArgumentException>(() => file.Bytes(file.Find("b") with { Length = 1 << 20 }));
    }

    [Fact]
    public void Metadata_is_not_a_tensor()
    {
        Raw("""{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", new byte[4]);

        using var file = SafetensorsFile.Open(Target);

        Assert.Equal(["w"], file.Tensors.Keys);
    }

    [Theory]
    [InlineData("""{"w":{"dtype":"I64","shape":[2],"data_offsets":[0,8]}}""", "tensor \"w\" has shape [2] of I64, which is not the 8 bytes of its range.")]
    [InlineData("""{"w":{"dtype":"F8_E4M3","shape":[9],"data_offsets":[0,8]}}""", "tensor \"w\" has shape [9] of F8_E4M3, which is not")]
    [InlineData("""{"w":{"dtype":"Q7","shape":[1],"data_offsets":[0,9]}}""", "tensor \"w\" lies at bytes 0 to 9 of the data")]
    [InlineData("""{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,5]},"w":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", "tensors \"a\" and \"w\" overlap.")]
    [InlineData("""{"w":{"shape":[2],"data_offsets":[0,8]}}""", "tensor \"w\" has no dtype.")]
    [InlineData("""{"w":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", "tensor \"w\" has no dtype.")]
    [InlineData("""{"w":{"dtype":"F32","data_offsets":[0,8]}}""", "tensor \"w\" has no shape")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "tensor \"w\" has no shape")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "tensor \"w\" has a negative dimension in its shape [-2].")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", "negative dimension")]
    [InlineData("""{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "tensor \"w\" has shape [3] of F32, which is not the 8 bytes of its range.")]
    [InlineData("""{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}""", "tensor \"w\" has shape [2] of F16, which is not the 8 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}""", "which is not the 8 bytes of its range.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", "which is not the 0 bytes of its range.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2]}}""", "tensor \"w\" has no data_offsets: two whole numbers.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "tensor \"w\" has no data_offsets")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}""", "tensor \"w\" has no data_offsets")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":["0",8]}}""", "tensor \"w\" has no data_offsets")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "tensor \"w\" has data_offsets -8 to 0, which is no range.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "tensor \"w\" has data_offsets 8 to 0, which is no range.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "lies at bytes 0 to 16 of the data, but the file holds 8: it is truncated.")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2305843009213693951],"data_offsets":[3,9223372036854775807]}}""", "but the file holds 8: it is truncated.")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "tensors \"a\" and \"b\" overlap.")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "overlap.")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "4 bytes before tensor \"a\" belong to no tensor.")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "the last 4 bytes belong to no tensor.")]
    [InlineData("{}", "the last 8 bytes belong to no tensor.")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "tensor \"a\" is listed twice.")]
    [InlineData("""{"w":[1,2]}""", "tensor \"w\" is not described by an object.")]
    [InlineData("""[]""", "the header is damaged")]
    [InlineData("""{"w":""", "the header is damaged")]
    public void A_header_that_breaks_the_format_is_refused_with_the_reason(string header, string reason)
    {
        Raw(header, new byte[8]);

        var e = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(Target));

        Assert.StartsWith(Target, e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000_001UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(1000UL)]
    public void A_header_longer_than_the_file_or_the_limit_is_refused(ulong claimed)
    {
        var bytes = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claimed);
        File.WriteAllBytes(Target, bytes);

        var e = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(Target));

        Assert.Contains($"the header claims {claimed} bytes of a file of 64", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_of_a_good_file_is_refused()
    {
        Raw("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]);
        var whole = File.ReadAllBytes(Target);

        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Target, whole[..length]);
            Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(Target));
        }
    }

    [Fact]
    public void Any_damage_is_either_refused_or_leaves_every_tensor_within_the_file()
    {
        Raw("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}}""", new byte[14]);
        var whole = File.ReadAllBytes(Target);
        var random = new Random(8);
        var (refused, read) = (0, 0);
        for (var i = 0; i < 4000; i++)
        {
            var bytes = (byte[])whole.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                // Digits become other digits as often as anything else: those are the interesting lies.
                var at = random.Next(bytes.Length - 14);
                bytes[at] = char.IsAsciiDigit((char)bytes[at]) && random.Next(2) == 0 ? (byte)('0' + random.Next(10)) : (byte)random.Next(256);
            }

            File.WriteAllBytes(Target, bytes);
            try
            {
                using var file = SafetensorsFile.Open(Target);
                foreach (var entry in file.Tensors.Values)
                {
                    Assert.InRange(entry.Offset, 8, bytes.Length);
                    Assert.InRange(entry.Offset + entry.Length, entry.Offset, bytes.Length);
                    Assert.Equal((int)entry.Length, file.Bytes(entry).ToArray().Length);
                }

                read++;
            }
            catch (SafetensorsException)
            {
                refused++;
            }
        }

        Assert.True(refused > 1000 && read > 10, $"{refused} refused, {read} read: the damage is not of many kinds.");
    }

    [Fact]
    public void A_link_is_read_as_the_file_that_it_leads_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making a symbolic link needs a privilege there.");
        SafetensorsWriter.Write(_folder.File("blob"), [new("w", [2], new float[] { 1, 2 })]);
        File.CreateSymbolicLink(Target, "blob");

        using var file = SafetensorsFile.Open(Target);

        Assert.Equal([1f, 2f], file.ReadFloats("w"));
        Assert.Equal("model.safetensors", file.Find("w").File);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_refused()
    {
        Assert.Contains("no such file", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(Target)).Message, StringComparison.Ordinal);
        Assert.Contains("no such file", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_tensor_and_another_shape_are_named()
    {
        SafetensorsWriter.Write(Target, [new("w", [2, 1], new float[2])]);
        using var file = SafetensorsFile.Open(Target);

        Assert.Equal($"{Target}: tensor \"v\" is missing.", Assert.Throws<ModelWeightsException>(() => file.Find("v")).Message);
        Assert.Equal(
            $"{Target}: tensor \"w\" has shape [2, 1], but config.json calls for [1, 2].",
            Assert.Throws<ModelWeightsException>(() => file.Find("w", 1, 2)).Message);
        Assert.Throws<ModelWeightsException>(() => file.Find("w", 2));
    }

    [Fact]
    public void Reading_after_dispose_throws_instead_of_touching_unmapped_memory()
    {
        SafetensorsWriter.Write(Target, [new("w", [2], new float[2])]);
        var file = SafetensorsFile.Open(Target);
        file.Dispose();
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => file.ReadFloats("w"));
    }

    [Fact]
    public void The_writer_refuses_what_no_reader_would_take()
    {
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Target, [new("w", [3], new float[2])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Target, [new("w", [-1, -2], new float[2])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Target, [new("w", [1], new float[1]), new("w", [1], new float[1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Target, [new("__metadata__", [1], new float[1])]));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private void Raw(string header, byte[] data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)text.Length);
        text.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + text.Length);
        File.WriteAllBytes(Target, bytes);
    }

    /// <summary>Bytes of a mapped file that this process holds in memory.</summary>
    private static long Resident(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }

        var (bytes, mine) = (0L, false);
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            if (!char.IsAsciiLetterUpper(line[0]))
            {
                mine = line.EndsWith(path, StringComparison.Ordinal);
            }
            else if (mine && line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                bytes += 1024 * long.Parse(line[4..^2].Trim(), System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return bytes;
    }
}
