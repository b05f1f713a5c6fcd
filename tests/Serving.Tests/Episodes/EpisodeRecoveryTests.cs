using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

public sealed class EpisodeRecoveryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_tail_torn_at_any_byte_of_the_last_record_is_cut_off()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        var last = EpisodeFolder.FrameStart(shard, 2);
        using var folder = new EpisodeFolder();
        Directory.CreateDirectory(folder.Dataset.FullPath);
        for (var end = last; end <= shard.Length; end++)
        {
            await File.WriteAllBytesAsync(folder.Dataset.ShardPath(end - last), shard[..end], Cancel);
        }

        var info = new ShardRecovery(folder.Dataset, DiskCalls.Real with { Flush = _ => { } }, NullLogger.Instance).Run();

        Assert.Equal([.. Enumerable.Repeat(2L, shard.Length - last), 3L], info.ShardLengths);
        for (var end = last; end < shard.Length; end++)
        {
            Assert.Equal(last, new FileInfo(folder.Dataset.ShardPath(end - last)).Length);
        }

        Assert.Equal([.. Enumerable.Range(last, shard.Length - last).SelectMany(_ => new[] { "a", "b" }), "a", "b", "c"], folder.Ids());
    }

    [Fact]
    public async Task After_the_repair_the_log_goes_on()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        foreach (var cut in new[] { 1, 5, 200, shard.Length - EpisodeFolder.FrameStart(shard, 2) - 1 })
        {
            using var folder = EpisodeFolder.WithOpenShard(shard.AsSpan(..^cut));
            await using (var log = folder.Open())
            {
                await log.AppendAsync(EpisodeSamples.Small("d"), Cancel);
            }

            Assert.Equal(["a", "b", "d"], folder.Ids());
            Assert.Equal([2L, 1], folder.Strict().ShardLengths);
        }
    }

    [Fact]
    public async Task A_group_that_was_never_committed_is_cut_off_whole()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        shard[EpisodeFolder.FrameStart(shard, 1) + TfRecord.CommitByte] ^= 0xFF;
        using var folder = EpisodeFolder.WithOpenShard(shard);

        Assert.Equal(["a"], folder.Ids());
        await using (folder.Open())
        {
            // Repairs.
        }

        Assert.Equal(["a"], folder.Ids());
        Assert.Single(folder.Strict().Records);
        Assert.Empty(Directory.GetFiles(folder.Dataset.FullPath, "salvaged-*"));
    }

    [Fact]
    public async Task Damage_with_records_behind_it_is_reported_and_its_bytes_are_kept()
    {
        var shard = await EpisodeFolder.Shard("a", "b", "c");
        var second = EpisodeFolder.FrameStart(shard, 1);
        shard[second + 100] ^= 1;
        using var folder = EpisodeFolder.WithOpenShard(shard);
        var messages = new CollectedMessages();

        new ShardRecovery(folder.Dataset, DiskCalls.Real, messages).Run();

        Assert.Equal(["a"], folder.Ids());
        Assert.Equal(shard[second..], await File.ReadAllBytesAsync(folder.Dataset.SalvagePath(0, second), Cancel));
        Assert.Contains(messages.Lines, line => line.Contains($"record 1 at byte {second}: payload CRC", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_repair_of_a_torn_tail_is_reported()
    {
        var shard = await EpisodeFolder.Shard("a", "b");
        var second = EpisodeFolder.FrameStart(shard, 1);
        using var folder = EpisodeFolder.WithOpenShard(shard.AsSpan(..^7));
        var messages = new CollectedMessages();

        new ShardRecovery(folder.Dataset, DiskCalls.Real, messages).Run();

        Assert.Contains(messages.Lines, line => line.Contains(
            $"{folder.Dataset.ShardPath(0)}: cut off the torn tail from byte {second} on ({shard.Length - 7 - second} bytes)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Several_open_shards_are_all_listed_and_a_missing_one_is_named()
    {
        var shard = await EpisodeFolder.Shard("a");
        using var folder = EpisodeFolder.WithOpenShard(shard);
        await File.WriteAllBytesAsync(folder.Dataset.ShardPath(1), [], Cancel);
        await File.WriteAllBytesAsync(folder.Dataset.ShardPath(2), shard, Cancel);
        await File.WriteAllBytesAsync(folder.Dataset.ShardPath(4), shard, Cancel);

        var error = Assert.Throws<InvalidDataException>(() => folder.Open());
        Assert.Contains(folder.Dataset.ShardPath(3), error.Message, StringComparison.Ordinal);

        File.Delete(folder.Dataset.ShardPath(4));
        await using (folder.Open())
        {
            Assert.Equal([1L, 0, 1], folder.Strict().ShardLengths);
        }
    }

    [Fact]
    public async Task A_lost_dataset_info_is_made_again_from_the_shards()
    {
        using var folder = new EpisodeFolder();
        await using (var log = folder.Open())
        {
            await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);
        }

        var before = await File.ReadAllBytesAsync(folder.Dataset.InfoPath, Cancel);
        await File.WriteAllTextAsync(folder.Dataset.InfoPath, "{ broken", Cancel);
        Assert.Contains("Delete it and start the server", Assert.Throws<InvalidDataException>(() => folder.Open()).Message, StringComparison.Ordinal);
        File.Delete(folder.Dataset.InfoPath);
        await using (folder.Open())
        {
            Assert.Equal(before, await File.ReadAllBytesAsync(folder.Dataset.InfoPath, Cancel));
        }
    }

    private sealed class CollectedMessages : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception) + exception?.Message);
    }
}
