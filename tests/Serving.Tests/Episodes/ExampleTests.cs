using System.Text;
using Serving.Episodes;

namespace Serving.Tests.Episodes;

public sealed class ExampleTests
{
    [Fact]
    public void Writes_the_bytes_that_protobuf_writes()
    {
        using var writer = new ExampleWriter();
        writer.Bytes("a"u8, "xy"u8);
        writer.Bytes("b"u8, "x"u8, []);
        writer.Float("c"u8, 1f);
        writer.Int64("d"u8, 300, -1);

        // Worked by hand from the .proto files: Example{1:Features{1:entry{1:key,2:Feature{kind{1:values}}}}}.
        Assert.Equal(
            "0a41"
            + "0a0b" + "0a0161" + "1206" + "0a04" + "0a027879"
            + "0a0c" + "0a0162" + "1207" + "0a05" + "0a0178" + "0a00"
            + "0a0d" + "0a0163" + "1208" + "1206" + "0a04" + "0000803f"
            + "0a15" + "0a0164" + "1210" + "1a0e" + "0a0c" + "ac02" + "ffffffffffffffffff01",
            Convert.ToHexStringLower(Payload(writer)));
    }

    [Fact]
    public void An_empty_list_still_has_its_kind()
    {
        using var writer = new ExampleWriter();
        writer.Float("f"u8);
        writer.Int64("i"u8);

        Assert.Equal("0a12" + "0a07" + "0a0166" + "1202" + "1200" + "0a07" + "0a0169" + "1202" + "1a00", Convert.ToHexStringLower(Payload(writer)));
    }

    [Fact]
    public void A_record_of_any_size_is_read_back()
    {
        foreach (var size in new[] { 0, 1, 100, 127, 128, 16_000, 16_383, 16_384, 70_000, 3_000_000 })
        {
            using var writer = new ExampleWriter();
            writer.Bytes("key"u8, Enumerable.Repeat((byte)7, size).ToArray());

            var feature = TfExample.Parse(Payload(writer)).Features["key"];

            Assert.Equal(size, feature.Bytes[0].Length);
            Assert.Equal(-1, feature.Bytes[0].Span.IndexOfAnyExcept((byte)7));
        }
    }

    [Fact]
    public void Reads_a_record_that_tfds_wrote()
    {
        var example = TfExample.Parse(TfdsRecord.Payload());

        Assert.Equal(29, example.Features.Count);
        Assert.Equal("ep-0001", Encoding.UTF8.GetString(example.Features["episode_id"].Bytes[0].Span));
        Assert.Equal([1L, 0], example.Features["steps/is_first"].Int64s);
        Assert.Equal([10L, 11, 12], example.Features["steps/action/tokens/ragged_flat_values"].Int64s);
        Assert.Equal([0.75f, 0], example.Features["steps/reward"].Floats);
        Assert.Equal([0, 1, -2, 0.5f], ZlibTensor.Read<float>(example.Features["steps/hidden"].Bytes[0]));
    }

    [Fact]
    public void Accepts_numbers_that_are_not_packed()
    {
        var floats = Feature("f", "1205" + "0d" + "0000803f");
        var ints = Feature("i", "1a04" + "0807" + "0808");

        var example = TfExample.Parse(Convert.FromHexString(Example(floats + ints)));

        Assert.Equal([1f], example.Features["f"].Floats);
        Assert.Equal([7L, 8], example.Features["i"].Int64s);
    }

    [Fact]
    public void Of_two_equal_keys_the_last_counts_and_unknown_fields_are_skipped()
    {
        var unknown = "1807" + "2101020304050607082a03616263" + "3501020304";

        var example = TfExample.Parse(Convert.FromHexString(Example(Feature("a", "1a030a0101") + unknown + Feature("a", "1a030a0102"))));

        Assert.Equal([2L], Assert.Single(example.Features).Value.Int64s);
    }

    [Fact]
    public void Every_way_of_cutting_or_changing_a_record_is_read_or_refused_but_never_crashes()
    {
        var good = TfdsRecord.Payload();
        var random = new Random(5);
        var refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var bad = i < good.Length ? good[..i] : (byte[])good.Clone();
            if (i >= good.Length)
            {
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            }

            try
            {
                TfExample.Parse(bad);
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith("protobuf damage: ", e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > good.Length);
    }

    private static byte[] Payload(ExampleWriter writer)
    {
        var frame = writer.Finish();
        var payload = frame.Memory[TfRecord.HeaderBytes..^TfRecord.FooterBytes].ToArray();
        frame.Return();
        return payload;
    }

    private static string Example(string features) => "0a" + Length(features) + features;

    private static string Feature(string key, string feature)
    {
        var entry = "0a" + Length(Convert.ToHexString(Encoding.UTF8.GetBytes(key))) + Convert.ToHexString(Encoding.UTF8.GetBytes(key))
            + "12" + Length(feature) + feature;
        return "0a" + Length(entry) + entry;
    }

    private static string Length(string hex) => (hex.Length / 2).ToString("x2", System.Globalization.CultureInfo.InvariantCulture);
}
