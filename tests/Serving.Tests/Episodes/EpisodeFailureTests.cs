using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

/// <summary>A disk that is full or broken for a while: appends fail with a clear message, later ones succeed, and nothing is damaged.</summary>
public sealed class EpisodeFailureTests : IDisposable
{
    private readonly EpisodeFolder _folder = new();
    private bool _writeFails;
    private bool _flushFails;
    private bool _repairFails;
    private int _writes;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_that_fails_on_its_way_fails_its_appends_and_leaves_no_damage(bool repairFails)
    {
        var reader = new EpisodeReader(_folder.Root);
        await using (var log = _folder.Open(disk: Disk()))
        {
            await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);

            (_writeFails, _repairFails) = (true, repairFails);
            for (var i = 0; i < 3; i++)
            {
                var error = await Assert.ThrowsAsync<EpisodeLogException>(() => log.AppendAsync(EpisodeSamples.Small("lost"), Cancel));
                Assert.Contains(_folder.Dataset.ShardPath(0), error.Message, StringComparison.Ordinal);
                Assert.Equal(["a"], _folder.Ids());
            }

            Assert.Equal(["a"], reader.ReadNew().Select(e => e.Id));
            (_writeFails, _repairFails) = (false, false);
            await log.AppendAsync(EpisodeSamples.Small("b"), Cancel);
            Assert.Equal(["b"], reader.ReadNew().Select(e => e.Id));
        }

        Assert.Equal([2L], _folder.Strict().ShardLengths);
        Assert.Equal(["a", "b"], _folder.Ids());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_failed_fsync_the_shard_is_closed_so_that_readers_ahead_of_it_stay_right(bool repairFails)
    {
        var reader = new EpisodeReader(_folder.Root);
        await using (var log = _folder.Open(disk: Disk()))
        {
            await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);

            (_flushFails, _repairFails) = (true, repairFails);
            var error = await Assert.ThrowsAsync<EpisodeLogException>(() => log.AppendAsync(EpisodeSamples.Small("lost"), Cancel));
            Assert.Contains("Input/output error", error.Message, StringComparison.Ordinal);
            if (repairFails)
            {
                // The record is visible until the disk lets us cut it off: a reader takes it, and must not stumble over that later.
                Assert.Equal(["a", "lost"], reader.ReadNew().Select(e => e.Id));
            }

            (_flushFails, _repairFails) = (false, false);
            await log.AppendAsync(EpisodeSamples.Small("b"), Cancel);
            await log.AppendAsync(EpisodeSamples.Small("c"), Cancel);
            Assert.Equal(["b", "c"], reader.ReadNew().Select(e => e.Id).Where(id => id != "a"));
        }

        Assert.Equal([1L, 2], _folder.Strict().ShardLengths);
        Assert.Equal(["a", "b", "c"], _folder.Ids());
    }

    [Fact]
    public async Task A_shard_that_cannot_be_created_fails_the_appends_until_it_can()
    {
        await using (var log = _folder.Open())
        {
            Directory.CreateDirectory(_folder.Dataset.ShardPath(0));
            await Assert.ThrowsAsync<EpisodeLogException>(() => log.AppendAsync(EpisodeSamples.Small("lost"), Cancel));

            Directory.Delete(_folder.Dataset.ShardPath(0));
            await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);
        }

        Assert.Equal(["a"], _folder.Ids());
    }

    [Fact]
    public async Task When_the_info_cannot_be_written_appends_go_on_and_the_next_close_lists_everything()
    {
        var obstacle = _folder.Dataset.InfoPath + ".tmp";
        await using (var log = _folder.Open(EpisodeFolder.SmallestShard))
        {
            Directory.CreateDirectory(obstacle);
            while (_folder.Dataset.Shards().Length < 2)
            {
                await log.AppendAsync(EpisodeSamples.Small("e"), Cancel);
            }

            Assert.Empty(_folder.Strict().ShardLengths);
            Directory.Delete(obstacle);
        }

        Assert.Equal(2, _folder.Strict().ShardLengths.Length);
    }

    private DiskCalls Disk() => new()
    {
        Write = (file, bytes, offset) =>
        {
            if (_writeFails)
            {
                // Half of the record, or all of it but not what was still to come: neither may be seen.
                RandomAccess.Write(file, bytes[0].Span[..(bytes[0].Length / (1 + _writes++ % 2))], offset);
                throw new IOException("No space left on device");
            }

            RandomAccess.Write(file, bytes, offset);
        },
        Flush = file =>
        {
            if (_flushFails)
            {
                throw new IOException("Input/output error");
            }

            RandomAccess.FlushToDisk(file);
        },
        SetLength = (file, length) =>
        {
            if (_repairFails)
            {
                throw new IOException("Read-only file system");
            }

            RandomAccess.SetLength(file, length);
        },
    };
}
