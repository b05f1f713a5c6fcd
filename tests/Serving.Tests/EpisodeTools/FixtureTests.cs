using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

/// <summary>Datasets that TFDS itself wrote. They lie beside the repository and are not part of it.</summary>
[Collection("console")]
public sealed class FixtureTests
{
    private static string Folder => Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "data", "rlds-fixtures"));

    [Theory]
    [InlineData("bridge", 1)]
    [InlineData("text_episodes", 2)]
    public void A_dataset_that_tfds_wrote_is_sound(string name, long records)
    {
        Assert.SkipUnless(Directory.Exists(Folder), $"'{Folder}' is not there: the datasets that TFDS wrote are not part of the repository.");

        var report = new DatasetVerifier(RldsFolder.Open(Path.Combine(Folder, name))).Run();

        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        Assert.Equal(records, report.Records);
        Assert.Equal(0, ToolFolder.Run("info", Path.Combine(Folder, name)).Code);
        Assert.Equal(0, ToolFolder.Run("show", Path.Combine(Folder, name)).Code);
    }
}
