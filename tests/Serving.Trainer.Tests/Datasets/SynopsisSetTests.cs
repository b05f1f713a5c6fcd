using Serving.Trainer.Datasets;

namespace Serving.Trainer.Tests.Datasets;

public sealed class SynopsisSetTests
{
    private const string Books = "Reads and writes address books in every format that is known, from paper cards to the newest telephones of all makers.";
    private const string Stars = "Shows the sky over any place of the world at any hour, with comets, satellites, and names for eighty thousand stars.";

    // Sources whose part is known from the existing set's rule.
    [Theory]
    [InlineData("0ad", DataSplit.Train)]
    [InlineData("zerofree", DataSplit.Train)]
    public void The_part_of_a_source_never_changes(string source, DataSplit split)
    {
        Assert.Equal(split, SourceSplit.Of(source));
    }

    [Fact]
    public void Parts_are_about_ninety_five_and_five_of_a_hundred()
    {
        var parts = Enumerable.Range(0, 4000).Select(i => SourceSplit.Of($"source-{i}")).ToArray();

        Assert.InRange(parts.Count(part => part == DataSplit.Train), 3500, 3700);
        Assert.InRange(parts.Count(part => part == DataSplit.Validation), 150, 250);
    }

    [Fact]
    public void Of_siblings_with_one_text_the_program_is_taken_and_others_with_texts_of_their_own_too()
    {
        var set = new SynopsisSet(
        [
            Package("libbooks3", "address books for programs", Books),
            Package("books", "address books for everybody", Books),
            Package("books-sky", "planetarium for people with books", Stars),
        ]);

        Assert.Equal(["books", "books-sky"], All(set).Select(pair => pair.Id));
    }

    [Fact]
    public void Near_copies_between_sources_short_texts_and_repeated_synopses_are_left_out()
    {
        var set = new SynopsisSet(
        [
            new("alpha", "alpha", "utils", "address books for everybody", [Books]),
            new("beta", "beta", "utils", "address books for somebody", [Books + " Faster."]),
            new("gamma", "gamma", "utils", "Address books for everybody", [Stars]),
            new("delta", "delta", "utils", "a planetarium for nobody", ["Too short a text."]),
        ]);

        Assert.Equal("alpha", Assert.Single(All(set)).Id);
    }

    [Fact]
    public void Descriptions_are_every_text_of_training_sources_once_and_none_of_held_out_ones()
    {
        var train = Enumerable.Range(0, 100).Select(i => $"s{i}").First(source => SourceSplit.Of(source) == DataSplit.Train);
        var test = Enumerable.Range(0, 100).Select(i => $"s{i}").First(source => SourceSplit.Of(source) == DataSplit.Test);
        var set = new SynopsisSet(
        [
            new("a", train, "utils", "short", [Books]),
            new("b", train, "oldlibs", "transitional package", [Books]),
            new("c", train, "utils", "short", ["Brief."]),
            new("d", train, "utils", "short", [Stars]),
            new("e", test, "utils", "short", [Stars]),
        ]);

        Assert.Equal([("a", Books), ("c", "Brief.")], set.Descriptions(cleaned: false).Select(text => (text.Id, text.Document)));
    }

    private static DebianPackage Package(string name, string synopsis, string text) => new(name, "books", "utils", synopsis, [text]);

    private static IEnumerable<Trainer.Pretraining.TaskExample> All(SynopsisSet set) => Enum.GetValues<DataSplit>().SelectMany(set.Of);
}
