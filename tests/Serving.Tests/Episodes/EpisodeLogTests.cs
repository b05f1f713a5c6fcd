using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

public sealed class EpisodeLogTests : IDisposable
{
    private readonly EpisodeFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_was_appended_is_read_back_in_order()
    {
        var random = new Random(11);
        var episodes = Enumerable.Range(0, 100).Select(_ => EpisodeSamples.Random(random)).ToArray();
        await using (var log = _folder.Open())
        {
            foreach (var episode in episodes)
            {
                await log.AppendAsync(episode, Cancel);
            }
        }

        Assert.Equal(episodes.Select(EpisodeSamples.Describe), new EpisodeReader(_folder.Root).ReadAll().Select(EpisodeSamples.Describe));
    }

    [Fact]
    public async Task The_folder_obeys_the_rules_of_tfds()
    {
        var random = new Random(12);
        await using (var log = _folder.Open(EpisodeFolder.SmallestShard))
        {
            for (var i = 0; i < 60; i++)
            {
                await log.AppendAsync(EpisodeSamples.Random(random), Cancel);
            }
        }

        var strict = _folder.Strict();

        Assert.Equal(60, strict.Records.Count);
        Assert.True(strict.ShardLengths.Length > 1);
        foreach (var field in new[] { "is_first", "is_last", "is_terminal", "reward", "discount" })
        {
            Assert.Contains("steps/" + field, strict.Keys);
        }

        Assert.Contains(strict.Keys, key => key.StartsWith("steps/observation/", StringComparison.Ordinal));
        Assert.Contains(strict.Keys, key => key.StartsWith("steps/action/", StringComparison.Ordinal));
        Assert.True(File.Exists(_folder.Dataset.MetadataPath));
    }

    [Fact]
    public async Task The_dataset_is_valid_and_empty_before_the_first_episode()
    {
        await using var log = _folder.Open();

        Assert.Empty(_folder.Strict().ShardLengths);
        Assert.Empty(new EpisodeReader(_folder.Root).ReadAll());
    }

    [Fact]
    public async Task Sixty_four_appends_that_wait_together_share_one_fsync()
    {
        using var entered = new SemaphoreSlim(0);
        using var release = new ManualResetEventSlim();
        var flushes = 0;
        var disk = new DiskCalls
        {
            Flush = file =>
            {
                flushes++;
                entered.Release();
                release.Wait(Cancel);
                RandomAccess.FlushToDisk(file);
            },
        };
        await using (var log = _folder.Open(disk: disk))
        {
            var first = log.AppendAsync(EpisodeSamples.Small("first"), Cancel);
            await entered.WaitAsync(Cancel);

            var others = Enumerable.Range(0, 64).Select(i => log.AppendAsync(EpisodeSamples.Small("e" + i), Cancel)).ToArray();
            Assert.False(first.IsCompleted);
            Assert.DoesNotContain(others, append => append.IsCompleted);
            release.Set();
            await Task.WhenAll([first, .. others]);

            Assert.Equal(2, flushes);
        }

        Assert.Equal(["first", .. Enumerable.Range(0, 64).Select(i => "e" + i)], _folder.Ids());
    }

    [Fact]
    public async Task Appends_from_many_threads_are_all_stored()
    {
        await using (var log = _folder.Open(EpisodeFolder.SmallestShard))
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 500), new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Cancel },
                async (i, cancellationToken) => await log.AppendAsync(EpisodeSamples.Small("e" + i), cancellationToken));
        }

        Assert.Equal(Enumerable.Range(0, 500).Select(i => "e" + i).Order(), _folder.Ids().Order());
        Assert.Equal(500, _folder.Strict().ShardLengths.Sum());
    }

    [Fact]
    public async Task A_full_shard_is_closed_and_listed_while_the_log_goes_on()
    {
        await using var log = _folder.Open(EpisodeFolder.SmallestShard);
        var appended = 0;
        while (_folder.Dataset.Shards().Length < 3)
        {
            await log.AppendAsync(EpisodeSamples.Small("e" + appended++), Cancel);
        }

        var listed = _folder.Strict().ShardLengths;

        Assert.Equal(2, listed.Length);
        Assert.True(new FileInfo(_folder.Dataset.ShardPath(0)).Length >= EpisodeFolder.SmallestShard);
        Assert.Equal(appended, listed.Sum() + 1);
        Assert.Equal(Enumerable.Range(0, appended).Select(i => "e" + i), _folder.Ids());
    }

    [Fact]
    public async Task A_run_that_ended_well_leaves_every_episode_listed_and_the_next_one_goes_on()
    {
        for (var run = 0; run < 3; run++)
        {
            await using (var log = _folder.Open())
            {
                await log.AppendAsync(EpisodeSamples.Small("run" + run), Cancel);
            }

            Assert.Equal(run + 1, _folder.Strict().Records.Count);
        }

        await using (_folder.Open())
        {
            // A run without episodes adds no shard.
        }

        Assert.Equal([1L, 1, 1], _folder.Strict().ShardLengths);
        Assert.Equal(["run0", "run1", "run2"], _folder.Ids());
    }

    [Fact]
    public async Task Disposal_writes_what_is_queued()
    {
        var log = _folder.Open();
        var appends = Enumerable.Range(0, 300).Select(i => log.AppendAsync(EpisodeSamples.Small("e" + i), Cancel)).ToArray();

        await log.DisposeAsync();
        await Task.WhenAll(appends);

        Assert.Equal(300, _folder.Strict().Records.Count);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => log.AppendAsync(EpisodeSamples.Small("late"), Cancel));
        await log.DisposeAsync();
    }

    [Fact]
    public async Task A_copy_of_the_folder_at_any_moment_holds_every_episode_whose_append_had_completed()
    {
        var completed = 0;
        await using var log = _folder.Open(EpisodeFolder.SmallestShard);
        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < 400; i++)
                {
                    await log.AppendAsync(EpisodeSamples.Small("e" + i), Cancel);
                    Volatile.Write(ref completed, i + 1);
                }
            },
            Cancel);
        var copies = 0;
        while (!writing.IsCompleted || copies < 3)
        {
            var expected = Volatile.Read(ref completed);
            using var copy = await _folder.Copy();
            copies++;

            Assert.Equal(Enumerable.Range(0, expected).Select(i => "e" + i), copy.Ids().Take(expected));
            await using (copy.Open())
            {
                // A start on the copy repairs it.
            }

            Assert.True(copy.Strict().Records.Count >= expected);
        }

        await writing;
    }

    [Fact]
    public async Task A_second_writer_is_told_which_folder_is_taken()
    {
        await using (var log = _folder.Open())
        {
            var error = Assert.Throws<EpisodeLogException>(() => _folder.Open());

            Assert.Contains(_folder.Dataset.FullPath, error.Message, StringComparison.Ordinal);
            Assert.Contains("stop it, or set Episodes:Root", error.Message, StringComparison.Ordinal);
            await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);
        }

        await using (var next = _folder.Open())
        {
            await next.AppendAsync(EpisodeSamples.Small("b"), Cancel);
        }

        Assert.Equal(["a", "b"], _folder.Ids());
    }

    [Fact]
    public async Task A_log_that_is_switched_off_writes_nothing()
    {
        var root = Path.Combine(_folder.Root, "off");
        await using var log = new EpisodeLog(new EpisodeOptions { Root = root, Enabled = false });

        await log.AppendAsync(EpisodeSamples.Small("a"), Cancel);

        Assert.False(Directory.Exists(root));
    }

    [Fact]
    public async Task Cancelling_before_the_append_stores_nothing()
    {
        await using (var log = _folder.Open())
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => log.AppendAsync(EpisodeSamples.Small("a"), new CancellationToken(canceled: true)));
            await log.AppendAsync(EpisodeSamples.Small("b"), Cancel);
        }

        Assert.Equal(["b"], _folder.Ids());
    }

    [Fact]
    public async Task A_folder_with_other_records_is_refused()
    {
        Directory.CreateDirectory(_folder.Dataset.FullPath);
        await File.WriteAllTextAsync(_folder.Dataset.FeaturesPath, """{"pythonClassName": "other", "text": {}}""", Cancel);

        Assert.Contains(_folder.Dataset.FeaturesPath, Assert.Throws<InvalidDataException>(() => _folder.Open()).Message, StringComparison.Ordinal);

        File.Delete(_folder.Dataset.FeaturesPath);
        await using var log = _folder.Open();      // the failed start has let go of the folder
    }

    [Fact]
    public async Task The_host_opens_the_log_and_closes_it()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection([KeyValuePair.Create("Episodes:Root", (string?)_folder.Root)]);
        builder.AddEpisodes();
        builder.Services.AddLogging();
        await using (var services = builder.Services.BuildServiceProvider())
        {
            Assert.NotEmpty(services.GetServices<IHostedService>());
            Assert.Throws<EpisodeLogException>(() => _folder.Open());
            await services.GetRequiredService<EpisodeLog>().AppendAsync(EpisodeSamples.Small("a"), Cancel);
        }

        Assert.Equal(["a"], _folder.Ids());
    }

    [Theory]
    [InlineData("Episodes:Root", "")]
    [InlineData("Episodes:ShardBytes", "1000")]
    public void A_bad_setting_stops_the_start_and_is_named(string key, string value)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection([KeyValuePair.Create(key, (string?)value)]);
        builder.AddEpisodes();
        using var services = builder.Services.BuildServiceProvider();

        var error = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<EpisodeOptions>>().Value);

        Assert.Contains(key.Split(':')[1], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_knows_how_many_episodes_lie_in_it_those_of_an_earlier_version_too()
    {
        using var folder = EpisodeFolder.WithFirstVersion(await EpisodeFolder.Shard("a", "b"));
        await using (var log = folder.Open())
        {
            Assert.Equal(2, log.Count);
            await log.AppendAsync(EpisodeSamples.Small("c"), TestContext.Current.CancellationToken);
            Assert.Equal(3, log.Count);
        }

        await using var next = folder.Open();
        Assert.Equal(3, next.Count);
    }
}
