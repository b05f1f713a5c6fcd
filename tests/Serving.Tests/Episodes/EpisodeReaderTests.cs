using System.Text.Json;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

public sealed class EpisodeReaderTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reader_follows_a_live_writer_over_shards()
    {
        using var folder = new EpisodeFolder();
        var reader = new EpisodeReader(folder.Root);
        Assert.Empty(reader.ReadNew());                 // nothing there yet

        var read = new List<string>();
        await using (var log = folder.Open(EpisodeFolder.SmallestShard))
        {
            Assert.Empty(reader.ReadNew());
            for (var i = 0; i < 200; i++)
            {
                await log.AppendAsync(EpisodeSamples.Small("e" + i), Cancel);
                if (i % 3 == 0)
                {
                    read.AddRange(reader.ReadNew().Select(e => e.Id));
                    Assert.Equal(i + 1, read.Count);
                }
            }
        }

        read.AddRange(reader.ReadNew().Select(e => e.Id));
        Assert.Equal(Enumerable.Range(0, 200).Select(i => "e" + i), read);
        Assert.Empty(reader.ReadNew());
        Assert.True(reader.Position.Shard > 0);
    }

    [Fact]
    public async Task A_reader_beside_a_busy_writer_sees_whole_records_only()
    {
        using var folder = new EpisodeFolder();
        var reader = new EpisodeReader(folder.Root);
        var read = new List<string>();
        var random = new Random(4);
        var episodes = Enumerable.Range(0, 32).Select(i => EpisodeSamples.Usual("u" + i, 16, 24, random)).ToArray();
        await using (var log = folder.Open(EpisodeFolder.SmallestShard * 4))
        {
            var writing = Parallel.ForEachAsync(
                Enumerable.Range(0, 1500),
                new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = Cancel },
                async (i, cancellationToken) => await log.AppendAsync(episodes[i % episodes.Length] with { Id = "e" + i }, cancellationToken));
            while (!writing.IsCompleted)
            {
                read.AddRange(reader.ReadNew().Select(e => e.Id));
                await Task.Yield();
            }

            await writing;
        }

        read.AddRange(reader.ReadNew().Select(e => e.Id));
        Assert.Equal(folder.Ids(), read);
        Assert.Equal(1500, read.Distinct().Count());
    }

    [Fact]
    public async Task A_kept_position_is_where_another_reader_goes_on()
    {
        using var folder = new EpisodeFolder();
        await using var log = folder.Open(EpisodeFolder.SmallestShard);
        for (var i = 0; i < 150; i++)
        {
            await log.AppendAsync(EpisodeSamples.Small("e" + i), Cancel);
        }

        var read = new List<string>();
        var kept = JsonSerializer.Serialize(EpisodePosition.Start);
        while (read.Count < 150)
        {
            var reader = new EpisodeReader(folder.Root, JsonSerializer.Deserialize<EpisodePosition>(kept));
            read.AddRange(reader.ReadNew(7).Select(e => e.Id));
            kept = JsonSerializer.Serialize(reader.Position);
        }

        Assert.Equal(Enumerable.Range(0, 150).Select(i => "e" + i), read);
        Assert.Equal(150, new EpisodeReader(folder.Root, JsonSerializer.Deserialize<EpisodePosition>(kept)).ReadAll().Count());
    }

    [Fact]
    public async Task Every_torn_tail_of_the_live_shard_is_not_yet_and_completes_later()
    {
        var shard = await EpisodeFolder.Shard("a", "b");
        var second = EpisodeFolder.FrameStart(shard, 1);
        using var folder = EpisodeFolder.WithOpenShard(shard.AsSpan(..second));
        var reader = new EpisodeReader(folder.Root);
        Assert.Single(reader.ReadNew());
        await using var file = new FileStream(folder.Dataset.ShardPath(0), FileMode.Append);
        foreach (var value in shard[second..])
        {
            Assert.Empty(reader.ReadNew());
            file.WriteByte(value);
            file.Flush();
        }

        Assert.Equal("b", Assert.Single(reader.ReadNew()).Id);
    }

    [Fact]
    public async Task Each_kind_of_damage_is_named_with_its_place()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        var second = EpisodeFolder.FrameStart(shard, 1);
        var third = EpisodeFolder.FrameStart(shard, 2);
        var size = third - second;

        Named(shard, s => s[second] ^= 1, $"record 1 at byte {second}: length CRC: stored 0x");
        Named(shard, s => s[second + 8] ^= 1, $"record 1 at byte {second}: length CRC: stored 0x");
        Named(shard, s => s[second + 12] ^= 1, $"record 1 at byte {second}: payload CRC: stored 0x");
        Named(shard, s => s[third - 1] ^= 1, $"record 1 at byte {second}: payload CRC: stored 0x");
        Named(shard, s => s[second + TfRecord.CommitByte] ^= 0xFF, $"record 1 at byte {second}: length CRC: the group of appends", closed: true);
        Named(shard[..(second + 11)], _ => { }, $"record 1 at byte {second}: truncated header: 11 of 12 bytes are there", closed: true);
        Named(shard[..(third - 1)], _ => { }, $"record 1 at byte {second}: truncated payload: the record is {size} bytes long with its frame, {size - 1} are there", closed: true);
        Named(shard[..(second + 12)], _ => { }, $"record 1 at byte {second}: truncated payload: the record is {size} bytes long with its frame, 12 are there", closed: true);
        Named(shard, s => Replace(s.AsSpan(second, size), 0xFF), $"record 1 at byte {second}: protobuf damage: ");
        Named(shard, s => Rename(s.AsSpan(second, size)), $"record 1 at byte {second}: field 'episode_id': it is missing");
        Named(shard[..third], _ => { }, "record 2 at byte " + third + ": the shard ends here, but '", closed: true);
    }

    [Fact]
    public async Task What_comes_before_the_damage_is_returned_first()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        shard[EpisodeFolder.FrameStart(shard, 2) + 50] ^= 1;
        using var folder = EpisodeFolder.WithOpenShard(shard);
        var reader = new EpisodeReader(folder.Root);

        Assert.Equal(["a", "b"], reader.ReadNew().Select(e => e.Id));
        Assert.Throws<InvalidDataException>(() => reader.ReadNew());
        Assert.Throws<InvalidDataException>(() => reader.ReadNew());
    }

    [Fact]
    public async Task A_shard_that_is_gone_is_named()
    {
        var shard = await EpisodeFolder.Shard("a");
        using var folder = EpisodeFolder.WithOpenShard(shard);
        File.Move(folder.Dataset.ShardPath(0), folder.Dataset.ShardPath(1));

        var error = Assert.Throws<InvalidDataException>(() => folder.Ids());

        Assert.Contains(folder.Dataset.ShardPath(0), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_length_that_would_fill_the_memory_is_a_truncated_payload()
    {
        var shard = await EpisodeFolder.Shard("a");
        var header = new byte[TfRecord.HeaderBytes];
        BitConverter.TryWriteBytes(header, 1L << 60);
        BitConverter.TryWriteBytes(header.AsSpan(8), Crc32C.Masked(header.AsSpan(0, 8)));
        using var folder = EpisodeFolder.WithOpenShard([.. shard, .. header]);
        new DatasetInfo([2], 0).Write(folder.Dataset);

        var error = Assert.Throws<InvalidDataException>(() => folder.Ids());

        Assert.Contains("truncated payload: the record is 1152921504606846992 bytes long", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_episode_written_by_the_first_version_can_be_read()
    {
        using var folder = EpisodeFolder.WithOpenShard(FirstVersion.Shard());

        var episode = Assert.Single(new EpisodeReader(folder.Root).ReadAll());

        Assert.Equal(EpisodeSamples.Describe(FirstVersion.Episode()), EpisodeSamples.Describe(episode));
    }

    [Fact]
    public async Task A_log_of_the_first_version_goes_on_in_a_new_folder_and_reads_as_one()
    {
        var old = FirstVersion.Shard();
        using var folder = EpisodeFolder.WithFirstVersion([.. old, .. old[..40]]);
        var reader = new EpisodeReader(folder.Root);
        Assert.Equal(["chatcmpl-0197"], reader.ReadNew().Select(e => e.Id));
        var kept = JsonSerializer.Serialize(reader.Position);

        await using (var log = folder.Open())
        {
            await log.AppendAsync(EpisodeSamples.Small("new"), TestContext.Current.CancellationToken);
            Assert.Equal(["new"], reader.ReadNew().Select(e => e.Id));
        }

        await using (var log = folder.Open())
        {
            await log.AppendAsync(EpisodeSamples.Small("newer"), TestContext.Current.CancellationToken);
        }

        Assert.Equal(["newer"], reader.ReadNew().Select(e => e.Id));
        Assert.Empty(reader.ReadNew());
        Assert.Equal(["chatcmpl-0197", "new", "newer"], folder.Ids());
        Assert.Equal(["new", "newer"], new EpisodeReader(folder.Root, JsonSerializer.Deserialize<EpisodePosition>(kept)).ReadNew().Select(e => e.Id));
        Assert.Equal([1L, 1L], folder.Strict().ShardLengths);
        var earlier = new DatasetFolder(folder.Root, DatasetForm.EarlierEpisodes[0]);
        Assert.Equal([1L], DatasetInfo.Read(earlier)!.ShardLengths);
        Assert.Equal(old, await File.ReadAllBytesAsync(earlier.ShardPath(0), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_position_that_was_kept_before_there_were_versions_is_one_in_the_first() =>
        Assert.Equal(new EpisodePosition(2, 30, 4, 0), JsonSerializer.Deserialize<EpisodePosition>("""{"Shard":2,"Offset":30,"Records":4}"""));

    private static void Named(byte[] shard, Action<byte[]> harm, string message, bool closed = false)
    {
        var copy = (byte[])shard.Clone();
        harm(copy);
        using var folder = EpisodeFolder.WithOpenShard(copy);
        if (closed)
        {
            new DatasetInfo([3], 0).Write(folder.Dataset);
        }

        var error = Assert.Throws<InvalidDataException>(() => folder.Ids());

        Assert.StartsWith($"Shard '{folder.Dataset.ShardPath(0)}', {message}", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Damages a payload and gives it good checksums again.</summary>
    private static void Replace(Span<byte> frame, byte value)
    {
        frame[TfRecord.HeaderBytes..^TfRecord.FooterBytes].Fill(value);
        TfRecord.Seal(frame);
    }

    private static void Rename(Span<byte> frame)
    {
        frame[frame.IndexOf("episode_id"u8)] = (byte)'x';
        TfRecord.Seal(frame);
    }
}
