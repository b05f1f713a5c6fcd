using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

[Collection("console")]
public sealed class InfoAndShowTests
{
    [Fact]
    public async Task Info_counts_what_is_there()
    {
        using var folder = await ToolFolder.WithEpisodes(
        [
            EpisodeSamples.Small("a"),
            EpisodeSamples.Small("b") with { Policy = "student@2", Created = new DateTimeOffset(2026, 3, 5, 0, 0, 0, TimeSpan.Zero) },
            EpisodeSamples.Small("c") with { Invalid = true, Scorecard = "strict" },
        ]);

        var (code, output, _) = ToolFolder.Run("info", folder.Root);

        Assert.Equal(0, code);
        var lines = output.Split('\n');
        Assert.Equal($"serving_episodes 1.1.0  in {folder.Dataset}", lines[0]);
        Assert.Contains("versions    1.1.0", lines);
        Assert.Contains("split       train: 1 shards, 3 episodes", lines);
        Assert.Contains("episodes    3, 1 of them invalid", lines);
        Assert.Contains("steps       6", lines);
        Assert.Contains("policy      anchor@1: 2 episodes", lines);
        Assert.Contains("policy      student@2: 1 episodes", lines);
        Assert.Contains("scorecard   strict: 1 episodes", lines);
        Assert.Contains("time        2026-03-04 05:06:07Z to 2026-03-05 00:00:00Z", lines);
        Assert.Contains("feature     steps/candidates/totals: float64[?], zlib", lines);
    }

    [Fact]
    public async Task Show_finds_by_id_and_by_number_from_both_ends()
    {
        using var folder = await ToolFolder.WithSmall("a", "b", "c");

        Assert.Contains("id            b", ToolFolder.Run("show", folder.Root, "--id", "b").Output, StringComparison.Ordinal);
        Assert.Contains("id            a", ToolFolder.Run("show", folder.Root).Output, StringComparison.Ordinal);
        Assert.Contains("id            c", ToolFolder.Run("show", folder.Root, "--index", "2").Output, StringComparison.Ordinal);
        Assert.Contains("id            c", ToolFolder.Run("show", folder.Root, "--index=-1").Output, StringComparison.Ordinal);
        Assert.Equal(1, ToolFolder.Run("show", folder.Root, "--index", "3").Code);
        Assert.Equal(1, ToolFolder.Run("show", folder.Root, "--id", "d").Code);
        Assert.Equal(2, ToolFolder.Run("show", folder.Root, "--id", "a", "--index", "0").Code);
    }

    [Fact]
    public async Task Show_lists_candidates_best_first_and_obeys_no_stored_control_characters()
    {
        var usual = EpisodeSamples.Usual("a", 3, 4, new Random(1));
        using var folder = await ToolFolder.WithEpisodes([usual with { Source = "one\u001b[31m\ntwo" }]);

        var output = ToolFolder.Run("show", folder.Root, "--candidates").Output;

        var order = Enumerable.Range(0, 3).OrderByDescending(i => usual.Candidates[i].Total).Select(i => $"candidate {i}");
        Assert.Equal(order, output.Split('\n').Where(line => line.StartsWith("candidate ", StringComparison.Ordinal)).Select(line => line[..11]));
        Assert.Contains("source        one\\u001b[31m\\ntwo", output, StringComparison.Ordinal);
    }
}
