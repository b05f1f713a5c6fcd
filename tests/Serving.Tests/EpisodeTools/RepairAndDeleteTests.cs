using Serving.Episodes;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

[Collection("console")]
public sealed class RepairAndDeleteTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Any_cut_and_any_flipped_byte_is_repaired_with_a_copy_of_what_went()
    {
        using var folder = await ToolFolder.WithSmall("a", "b", "c");
        var sound = await File.ReadAllBytesAsync(folder.Shard(0), Cancel);
        var info = await File.ReadAllBytesAsync(folder.Info, Cancel);
        var (second, third) = (ToolFolder.FrameStart(sound, 1), ToolFolder.FrameStart(sound, 2));
        for (var round = 0; round < 24; round++)
        {
            var random = new Random(round);
            await File.WriteAllBytesAsync(folder.Info, info, Cancel);
            var harmed = (byte[])sound.Clone();
            if (round % 2 == 0)
            {
                harmed = harmed[..random.Next(second + 1, third)];
            }
            else
            {
                harmed[random.Next(second, third)] ^= (byte)random.Next(1, 255);
            }

            await File.WriteAllBytesAsync(folder.Shard(0), harmed, Cancel);

            Assert.Equal(0, ToolFolder.Run("repair", folder.Root).Code);

            Assert.Empty(folder.Verify().Findings);
            Assert.Equal(round % 2 == 0 ? ["a"] : ["a", "c"], new EpisodeReader(folder.Root).ReadAll().Select(e => e.Id));
            var salvaged = Assert.Single(Directory.GetFiles(folder.Dataset, "salvaged-*"));
            Assert.Equal(harmed[second..Math.Min(third, harmed.Length)], await File.ReadAllBytesAsync(salvaged, Cancel));
            File.Delete(salvaged);
        }
    }

    [Fact]
    public async Task Open_shards_and_lost_counts_are_written_anew_and_the_server_goes_on()
    {
        using var folder = await ToolFolder.WithEpisodes(Enumerable.Range(0, 100).Select(i => EpisodeSamples.Small("e" + i)), 1 << 16);
        var info = await File.ReadAllBytesAsync(folder.Info, Cancel);
        File.Delete(folder.Info);

        Assert.Equal(0, ToolFolder.Run("repair", folder.Root).Code);

        Assert.Empty(folder.Verify().Findings);
        await using (var log = new EpisodeLog(new EpisodeOptions { Root = folder.Root }))
        {
            await log.AppendAsync(EpisodeSamples.Small("new"), Cancel);
        }

        Assert.Empty(folder.Verify().Findings);
        Assert.Equal(101, new EpisodeReader(folder.Root).ReadAll().Count());
        Assert.NotEmpty(info);
    }

    [Fact]
    public async Task A_sound_folder_is_left_as_it_is()
    {
        using var folder = await ToolFolder.WithSmall("a");
        var before = (File.GetLastWriteTimeUtc(folder.Info), File.GetLastWriteTimeUtc(folder.Shard(0)));

        Assert.Contains("nothing to repair", ToolFolder.Run("repair", folder.Root).Output, StringComparison.Ordinal);

        Assert.Equal(before, (File.GetLastWriteTimeUtc(folder.Info), File.GetLastWriteTimeUtc(folder.Shard(0))));
    }

    [Fact]
    public async Task Deleted_episodes_are_gone_and_the_others_keep_their_bytes()
    {
        using var folder = await ToolFolder.WithEpisodes(Enumerable.Range(0, 100).Select(i => EpisodeSamples.Small("e" + i)), 1 << 16);
        var last = await File.ReadAllBytesAsync(folder.Shard(1), Cancel);

        var (code, output, error) = ToolFolder.Run("delete", folder.Root, "--id", "e3", "e0", "--id", "e7", "nobody");

        Assert.Equal(1, code);
        Assert.Contains("3 episodes deleted, 1 shards rewritten", output, StringComparison.Ordinal);
        Assert.Contains("no episode with the id 'nobody'", error, StringComparison.Ordinal);
        Assert.Equal(
            Enumerable.Range(0, 100).Except([0, 3, 7]).Select(i => "e" + i), new EpisodeReader(folder.Root).ReadAll().Select(e => e.Id));
        Assert.Empty(folder.Verify().Findings);
        Assert.Equal(last, await File.ReadAllBytesAsync(folder.Shard(1), Cancel));
        Assert.Equal(0, ToolFolder.Run("delete", folder.Root, "--id", "e4").Code);
    }

    [Fact]
    public async Task A_folder_that_a_server_writes_to_is_not_touched()
    {
        using var folder = await ToolFolder.WithSmall("a");
        await using var log = new EpisodeLog(new EpisodeOptions { Root = folder.Root });

        var (repair, delete) = (ToolFolder.Run("repair", folder.Root), ToolFolder.Run("delete", folder.Root, "--id", "a"));

        Assert.Equal((2, 2), (repair.Code, delete.Code));
        Assert.Contains("Stop the server first", repair.Error, StringComparison.Ordinal);
        Assert.Contains("Stop the server first", delete.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_deleted_from_a_damaged_folder()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        ToolFolder.Harm(folder.Shard(0), bytes => bytes[..^1]);
        var before = await File.ReadAllBytesAsync(folder.Shard(0), Cancel);

        Assert.Equal(2, ToolFolder.Run("delete", folder.Root, "--id", "a").Code);

        Assert.Equal(before, await File.ReadAllBytesAsync(folder.Shard(0), Cancel));
    }

    [Fact]
    public async Task Deletion_names_the_versions_that_were_trained_on_the_episode_and_their_descendants()
    {
        using var folder = await ToolFolder.WithSmall("a", "b", "c");
        var store = new ModelStore(folder.Place("models"), TimeProvider.System);
        var early = Publish(store, "early", null, 1);
        Publish(store, "late", null, 2);
        Publish(store, "child", "late@1", null);
        Publish(store, "stranger", early, null);

        var (code, output, _) = ToolFolder.Run("delete", folder.Root, "--id", "b", "--models", folder.Place("models"));
        var (_, untold, _) = ToolFolder.Run("delete", folder.Root, "--id", "a");

        Assert.Equal(0, code);
        Assert.Equal(
            ["  child@1: descends from late@1, trained on the first 2 episodes of /logs", "  late@1: trained on the first 2 episodes of /logs"],
            output.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)));
        Assert.Contains("--models", untold, StringComparison.Ordinal);
    }

    private static string Publish(ModelStore store, string name, string? parent, int? episodes) => store.Publish(
        name,
        ModelKind.Policy,
        place => File.WriteAllText(Path.Combine(place, "config.json"), "{}"),
        parent,
        episodes is { } read ? new System.Text.Json.Nodes.JsonObject { ["log"] = "/logs", ["episodes"] = read } : null,
        null).Id;
}
