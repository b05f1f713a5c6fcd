using Serving.Trainer.Datasets;

namespace Serving.Trainer.Tests.Datasets;

public sealed class DescriptionCleaningTests
{
    private const string Long = "This program reads and writes address books in all of the formats that anybody has ever heard of, and some more.";

    [Fact]
    public void Sentences_of_four_sources_go_and_those_of_three_stay()
    {
        var packages = Enumerable.Range(0, 4).Select(i => Package($"source-{i}", "Shared by four.", i < 3 ? "Shared by three." : "Own."));

        Assert.Equal($"{Long}\nShared by three.", new DescriptionCleaning(packages).Clean([Long, "Shared by four. Shared by three."]));
    }

    [Fact]
    public void Packages_of_one_source_count_once()
    {
        var packages = Enumerable.Range(0, 6).Select(_ => Package("one", "Repeated."));

        Assert.Equal($"{Long} Repeated.", new DescriptionCleaning(packages).Clean([$"{Long} Repeated."]));
    }

    [Theory]
    [InlineData("This package contains the Python 3 module.", true)]
    [InlineData("This package provides the command line tools.", true)]
    [InlineData("This package contains two dozen ancient fonts.", false)]
    [InlineData("This package contains the following tools:", true)]
    [InlineData("http://www.example.org/address/books", true)]
    [InlineData("See also: https://example.org/", true)]
    [InlineData("It talks to https://example.org/ at night.", false)]
    public void What_only_tells_siblings_apart_goes_and_links_do(string sentence, bool goes)
    {
        Assert.Equal(goes ? Long : $"{Long}\n{sentence}", new DescriptionCleaning([]).Clean([Long, sentence]));
    }

    [Fact]
    public void A_formula_stays_where_it_begins_the_text_or_little_else_is_left()
    {
        var cleaning = new DescriptionCleaning([]);

        Assert.Equal($"This package contains the library. {Long}", cleaning.Clean([$"This package contains the library. {Long}"]));
        Assert.Equal("Reads books.\nThis package contains the library.", cleaning.Clean(["Reads books.", "This package contains the library."]));
    }

    private static DebianPackage Package(string source, params string[] lines) => new(source, source, "utils", "synopsis", lines);
}
