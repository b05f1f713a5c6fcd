using Serving.Testing;
using Serving.Training;

namespace Serving.Tests.Training;

public sealed class TrainingLedgerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_written_is_read_back()
    {
        new TrainingLedger(3, 4_711, ["run", "--set", "Trainer:Judge="]).Write(_folder.Path);

        var read = TrainingLedger.Read(_folder.Path);

        Assert.Equal((3, 4_711L), (read.Runs, read.Episodes));
        Assert.Equal(["run", "--set", "Trainer:Judge="], read.Open!);
    }

    [Fact]
    public void A_damaged_one_is_refused_with_what_to_do()
    {
        File.WriteAllText(_folder.File("ledger.json"), "{\"runs\": 3");

        var error = Assert.Throws<InvalidDataException>(() => TrainingLedger.Read(_folder.Path));

        Assert.Contains("Delete it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_one_the_folders_that_are_there_are_not_used_again()
    {
        Directory.CreateDirectory(TrainingLedger.RunFolder(_folder.Path, 7));
        Directory.CreateDirectory(_folder.File("run-of-somebody"));

        Assert.Equal(7, TrainingLedger.Read(_folder.Path).Runs);
    }

    [Fact]
    public void Only_the_newest_five_runs_are_kept()
    {
        for (var run = 1; run <= 8; run++)
        {
            Directory.CreateDirectory(TrainingLedger.RunFolder(_folder.Path, run));
        }

        TrainingLedger.Prune(_folder.Path);

        Assert.Equal(
            Enumerable.Range(4, 5).Select(run => TrainingLedger.RunFolder(_folder.Path, run)), Directory.GetDirectories(_folder.Path).Order(StringComparer.Ordinal));
    }
}
