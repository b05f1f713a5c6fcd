using Serving.Trainer.Datasets;

namespace Serving.Trainer.Tests.Datasets;

public sealed class DescriptionTextTests
{
    [Fact]
    public void Paragraphs_become_lines_and_items_of_lists_lines_of_their_own()
    {
        string[] raw =
        [
            " Converts address books and",
            " alias  files.",
            " .",
            " It knows:",
            "  - vCard, the format that",
            "    phones use",
            "  * mutt's aliases",
            " and more to come.",
            " .",
            " The end",
        ];

        Assert.Equal(
            ["Converts address books and alias files.", "It knows:", "* vCard, the format that phones use", "* mutt's aliases", "and more to come.", "The end"],
            DescriptionText.Lines(raw));
    }

    [Fact]
    public void An_item_without_a_list_before_it_and_an_empty_description_are_fine()
    {
        Assert.Equal(["* one", "* two"], DescriptionText.Lines([" * one", " + two"]));
        Assert.Equal([], DescriptionText.Lines([" .", " "]));
    }

    [Theory]
    [InlineData("One. Two! Three?", "One.|Two!|Three?")]
    [InlineData("A tool, e.g. for mail. (See below.)", "A tool, e.g. for mail.|(See below.)")]
    [InlineData("Version 2.5 of it", "Version 2.5 of it")]
    public void Sentences_end_before_a_capital_digit_or_opening_mark(string line, string expected)
    {
        Assert.Equal(expected.Split('|'), DescriptionText.Sentences(line));
    }

    [Fact]
    public void Words_are_lower_case_letters_and_digits()
    {
        Assert.Equal(["c", "x11", "re", "reads"], DescriptionText.Words("C++ X11-(re)reads"));
    }
}
