using System.CommandLine;
using Serving.Trainer.Datasets;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests.Datasets;

public sealed class DebianSynopsisCommandTests : IDisposable
{
    private const string Text = "Slices \"ASCII\" files\\pages into parts – all of which\nare given names, numbers, and a place in the table of contents.\n.\n  - fast";

    private readonly Archive _archive = new Archive().Add("slice", "Extract pre-defined slices of a file", Text, source: "wml").Write();

    public void Dispose() => _archive.Dispose();

    [Fact]
    public void Files_are_written_byte_for_byte_in_the_form_of_the_existing_set()
    {
        Assert.Equal(0, Run("--packages", Archive.Zip(_archive.Packages), "--translations", _archive.Translations));

        var part = SourceSplit.Of("wml").ToString().ToLowerInvariant();
        Assert.Equal(
            """{"id": "slice", "section": "utils", "document": "Slices \"ASCII\" files\\pages into parts – all of which are given names, numbers, """
            + """and a place in the table of contents.\n* fast", "summary": "Extract pre-defined slices of a file"}""" + "\n",
            File.ReadAllText(_archive.File($"out/{part}.jsonl")));
        Assert.Equal("slice", Assert.Single(TaskExample.Read(_archive.File($"out/{part}.jsonl"))).Id);
        Assert.Equal(
            ["descriptions-clean.jsonl", "descriptions.jsonl", "test.jsonl", "train.jsonl", "validation.jsonl"],
            Directory.EnumerateFiles(_archive.File("out")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_folder_of_lists_does_as_well()
    {
        Assert.Equal(0, Run("--lists", _archive.Folder));
        Assert.Single(File.ReadAllLines(_archive.File("out/descriptions.jsonl")), line => !line.Contains("summary", StringComparison.Ordinal));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_told()
    {
        Assert.Contains("--packages", Assert.Throws<ArgumentException>(() => Run("--translations", _archive.Translations)).Message, StringComparison.Ordinal);
        Assert.Contains("--mirror", Assert.Throws<ArgumentException>(() => Run("--suite", "sid")).Message, StringComparison.Ordinal);
    }

    private int Run(params string[] arguments) => DataCommand.Create().Parse(["debian-synopsis", "--out", _archive.File("out"), .. arguments])
        .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
