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

    [Theory]
    [InlineData(2, "length")]
    [InlineData(9, "length CRC")]
    [InlineData(40, "payload: the byte at 40 is ")]
    [InlineData(-2, "payload CRC")]
    [InlineData(0, "cut tail")]
    public void Damage_to_a_dataset_that_tfds_wrote_is_named(int at, string fault)
    {
        Assert.SkipUnless(Directory.Exists(Folder), $"'{Folder}' is not there: the datasets that TFDS wrote are not part of the repository.");
        using var copy = new TemporaryFolder();
        foreach (var path in Directory.EnumerateFiles(RldsFolder.Open(Path.Combine(Folder, "bridge")).Path))
        {
            File.Copy(path, copy.File(Path.GetFileName(path)));
        }

        // A byte counted from the front or from the back; 0 = the last three are cut off.
        ToolFolder.Harm(RldsFolder.Open(copy.Path).Shards.Single().Path, bytes =>
        {
            if (at == 0)
            {
                return bytes[..^3];
            }

            bytes[at > 0 ? at : bytes.Length + at] ^= 0x10;
            return bytes;
        });
        var report = new DatasetVerifier(RldsFolder.Open(copy.Path)).Run();

        Assert.Contains(report.Findings, finding => finding.IsFault && finding.What.Contains(fault, StringComparison.Ordinal));
    }
}
