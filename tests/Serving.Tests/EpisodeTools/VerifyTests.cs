using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

[Collection("console")]
public sealed class VerifyTests
{
    private const string Name = "serving_episodes-train.tfrecord-00000";

    [Fact]
    public async Task Whatever_the_log_writes_is_sound()
    {
        var random = new Random(5);
        using var folder = await ToolFolder.WithEpisodes(Enumerable.Range(0, 120).Select(_ => EpisodeSamples.Random(random)), 1 << 16);

        var report = folder.Verify();

        Assert.Empty(report.Findings);
        Assert.Equal(120, report.Records);
        Assert.Equal(240, report.Steps);
        Assert.True(report.Shards > 1);
    }

    [Fact]
    public async Task Every_single_flipped_byte_of_a_frame_is_named_with_its_place()
    {
        using var folder = await ToolFolder.WithSmall("a", "b", "c");
        var sound = await File.ReadAllBytesAsync(folder.Shard(0), TestContext.Current.CancellationToken);
        var (second, third) = (ToolFolder.FrameStart(sound, 1), ToolFolder.FrameStart(sound, 2));
        var random = new Random(9);
        for (var at = second; at < third; at++)
        {
            if (at > second + 14 && at < third - 6 && at % 16 != 0)
            {
                continue;                                   // the frame whole, the payload at every sixteenth byte
            }

            var bits = (byte)random.Next(1, 256);
            var copy = (byte[])sound.Clone();
            copy[at] ^= bits;
            await File.WriteAllBytesAsync(folder.Shard(0), copy, TestContext.Current.CancellationToken);

            var report = folder.Verify();

            // What follows the damaged record is still read, so nothing else is wrong; the counts agree.
            var fault = Assert.Single(report.Findings);
            Assert.Equal($"{Name}, record 1 at byte {second}", fault.Place);
            var was = $"the byte at {at} is 0x{copy[at]:x2} and was 0x{sound[at]:x2}";
            if (at < second + 8)
            {
                Assert.StartsWith("length: " + was, fault.What, StringComparison.Ordinal);
            }
            else if (at < second + 12)
            {
                Assert.StartsWith(bits == 0xFF && at == second + 11 ? "cut tail" : "length CRC: ", fault.What, StringComparison.Ordinal);
            }
            else if (at < third - 4)
            {
                Assert.StartsWith("payload: " + was, fault.What, StringComparison.Ordinal);
            }
            else
            {
                Assert.Contains($"the CRC's own byte at {at} changed", fault.What, StringComparison.Ordinal);
                Assert.StartsWith("payload CRC: ", fault.What, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Every_cut_tail_is_named_with_what_is_left()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        var sound = await File.ReadAllBytesAsync(folder.Shard(0), TestContext.Current.CancellationToken);
        var second = ToolFolder.FrameStart(sound, 1);
        for (var length = second + 1; length < sound.Length; length += length < second + 14 ? 1 : 23)
        {
            await File.WriteAllBytesAsync(folder.Shard(0), sound[..length], TestContext.Current.CancellationToken);

            var faults = folder.Verify().Findings;

            Assert.Equal($"{Name}, record 1 at byte {second}", faults[0].Place);
            Assert.StartsWith(
                length < second + 12
                    ? $"cut tail: {length - second} of the 12 bytes of a header are there"
                    : $"cut tail: the record is {sound.Length - second} bytes long with its frame, {length - second} are there",
                faults[0].What,
                StringComparison.Ordinal);
            Assert.Equal("rule 8: 1 records are there, dataset_info.json lists 2", faults[1].What);
        }
    }

    [Fact]
    public async Task Two_changed_bytes_are_said_to_be_more_than_one()
    {
        using var folder = await ToolFolder.WithSmall("a");
        ToolFolder.Harm(folder.Shard(0), bytes =>
        {
            bytes[20] ^= 3;
            bytes[300] ^= 40;
            return bytes;
        });

        Assert.StartsWith("payload: more than one byte changed", Assert.Single(folder.Verify().Findings).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dataset_info.json", "\"shardLengths\": [\n        \"2\"", "\"shardLengths\": [\n        \"3\"", "rule 8: 2 records are there, dataset_info.json lists 3")]
    [InlineData("dataset_info.json", "\"shardLengths\": [\n        \"2\"", "\"shardLengths\": [\n        2", "rule 8: protobuf writes 64-bit integers as strings; shardLengths has numbers")]
    [InlineData("dataset_info.json", "\"version\"", "\"extra\": 1,\n  \"version\"", "rule 3: TFDS does not know the key \"extra\" and refuses the file")]
    [InlineData("dataset_info.json", "{", "", "it is no JSON")]
    [InlineData("features.json", "\"length\": \"-1\"", "\"size\": \"-1\"", "rule 2: \"length\" is missing")]
    [InlineData("features.json", "\"text\": {},", "", "rule 4: a Text without \"text\": {} is a TypeError in TFDS")]
    [InlineData("features.json", "\"encoding\": \"zlib\"", "\"encoding\": \"none\"", "rule 5: a tensor with an unknown dimension and no encoding")]
    [InlineData("features.json", "\"dtype\": \"int64\"", "\"dtype\": \"float64\"", "rule 6: float64 without an encoding is stored as float32")]
    [InlineData("features.json", "\"agent_digest\"", "\"agent_number\"", "field 'agent_number' is missing")]
    [InlineData("features.json", "\"dtype\": \"int32\"", "\"dtype\": \"float32\"", "holds values of kind Int64 where features.json wants Float")]
    public async Task A_rule_that_the_json_files_break_is_named(string file, string from, string to, string what)
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        ToolFolder.Harm(Path.Combine(folder.Dataset, file), bytes =>
        {
            var text = System.Text.Encoding.UTF8.GetString(bytes);
            var at = text.IndexOf(from, StringComparison.Ordinal);
            Assert.True(at >= 0);
            return System.Text.Encoding.UTF8.GetBytes(text[..at] + to + text[(at + from.Length)..]);
        });

        Assert.Contains(folder.Verify().Findings, finding => finding.What.Contains(what, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_compressed_shard_is_read_and_named()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        ToolFolder.Harm(folder.Shard(0), bytes =>
        {
            using var packed = new MemoryStream();
            using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest))
            {
                gzip.Write(bytes);
            }

            return packed.ToArray();
        });

        var report = folder.Verify();

        Assert.StartsWith("rule 9: the shard is compressed (gzip)", Assert.Single(report.Findings).What, StringComparison.Ordinal);
        Assert.Equal(2, report.Records);
        ToolFolder.Harm(folder.Shard(0), bytes => bytes[..^30]);
        Assert.Contains(folder.Verify().Findings, finding => finding.IsFault && finding.What.StartsWith("cut tail: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_missing_shard_and_a_record_that_is_no_example_are_named()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        ToolFolder.Harm(folder.Shard(0), bytes =>
        {
            var frame = bytes.AsSpan(ToolFolder.FrameStart(bytes, 1));
            frame[TfRecord.HeaderBytes..^TfRecord.FooterBytes].Fill(0xFF);
            TfRecord.Seal(frame);
            return bytes;
        });
        Assert.StartsWith("rule 1: protobuf damage", Assert.Single(folder.Verify().Findings).What, StringComparison.Ordinal);

        File.Delete(folder.Shard(0));
        Assert.Contains(folder.Verify().Findings, finding => finding.What.StartsWith("the shard is missing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_live_log_is_not_finished_but_not_at_fault()
    {
        using var folder = new ToolFolder();
        await using (var log = new EpisodeLog(new EpisodeOptions { Root = folder.Root }))
        {
            await log.AppendAsync(EpisodeSamples.Small("a"), TestContext.Current.CancellationToken);
            await log.AppendAsync(EpisodeSamples.Small("b"), TestContext.Current.CancellationToken);

            var live = folder.Verify();

            Assert.True(live.IsSound, string.Join('\n', live.Findings));
            Assert.Equal(2, live.Records);
        }

        Assert.Empty(folder.Verify().Findings);
    }

    [Fact]
    public async Task Exit_codes_tell_sound_from_faults_from_unreadable()
    {
        using var folder = await ToolFolder.WithSmall("a");
        Assert.Equal(0, ToolFolder.Run("verify", folder.Root).Code);
        Assert.Equal(0, ToolFolder.Run("verify", folder.Dataset).Code);

        ToolFolder.Harm(folder.Shard(0), bytes => bytes[..^1]);
        var (code, output, _) = ToolFolder.Run("verify", folder.Root);
        Assert.Equal(1, code);
        Assert.StartsWith($"fault: {Name}, record 0 at byte 0: cut tail: ", output, StringComparison.Ordinal);

        var missing = ToolFolder.Run("verify", folder.Place("nowhere"));
        Assert.Equal(2, missing.Code);
        Assert.StartsWith("There is no folder ", missing.Error, StringComparison.Ordinal);
        Directory.CreateDirectory(folder.Place("empty"));
        Assert.Equal(2, ToolFolder.Run("verify", folder.Place("empty")).Code);
    }

    [Fact]
    public async Task Random_bytes_anywhere_never_crash_a_verification()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        var random = new Random(3);
        string[] files = [folder.Shard(0), folder.Info, folder.Features];
        foreach (var file in files)
        {
            var sound = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            for (var round = 0; round < 30; round++)
            {
                var copy = (byte[])sound.Clone();
                for (var changes = random.Next(1, 6); changes > 0; changes--)
                {
                    copy[random.Next(copy.Length)] = (byte)random.Next(256);
                }

                await File.WriteAllBytesAsync(file, copy[..random.Next(copy.Length / 2, copy.Length + 1)], TestContext.Current.CancellationToken);
                Assert.InRange(ToolFolder.Run("verify", folder.Root).Code, 0, 2);
                Assert.InRange(ToolFolder.Run("info", folder.Root).Code, 0, 2);
                Assert.InRange(ToolFolder.Run("show", folder.Root, "--candidates").Code, 0, 2);
            }

            await File.WriteAllBytesAsync(file, sound, TestContext.Current.CancellationToken);
        }

        Assert.Empty(folder.Verify().Findings);
    }
}
