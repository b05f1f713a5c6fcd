using Serving.Trainer.Datasets;

namespace Serving.Trainer.Tests.Datasets;

public sealed class SynopsisRulesTests
{
    [Theory]
    [InlineData("access control list - utilities", "access control list")]
    [InlineData("uncompromising code formatter (Python 3)", "uncompromising code formatter")]
    [InlineData("reader of RSS files -- Python 3 bindings", "reader of RSS files")]
    [InlineData("Ada package  manager.", "Ada package manager")]
    [InlineData("Open Free Fiasco Firmware Flasher", "Open Free Fiasco Firmware Flasher")]
    [InlineData("client for tools (E-utilities)", "client for tools (E-utilities)")]
    [InlineData("text viewer", null)]
    [InlineData("SCSS compiler - Python 3.x", null)]
    public void Remarks_about_the_binary_are_cut_off_and_short_synopses_refused(string synopsis, string? expected)
    {
        Assert.Equal(expected, SynopsisRules.Clean(synopsis));
    }

    [Fact]
    public void Long_synopses_are_refused()
    {
        Assert.Null(SynopsisRules.Clean(string.Join(' ', Enumerable.Repeat("extraordinary", 7))));
        Assert.Null(SynopsisRules.Clean(string.Join(' ', Enumerable.Repeat("one", 17))));
    }

    [Theory]
    [InlineData("mutt", "text mail reader for people", "mail", true)]
    [InlineData("golang-github-x-y-dev", "parser for the Y format", "golang", true)]
    [InlineData("mutt-doc", "text mail reader for people", "mail", false)]
    [InlineData("mutt-plugins", "text mail reader for people", "mail", false)]
    [InlineData("librust-x-dev", "parser for the Y format", "rust", false)]
    [InlineData("libx-dev", "parser for Y - development files", "libdevel", false)]
    [InlineData("libx2", "parser for Y - shared library", "libs", false)]
    [InlineData("mutt-ng", "transitional package for mutt", "mail", false)]
    [InlineData("mutt-all", "mail", "metapackages", false)]
    [InlineData("task-mail", "everything that mail needs", "universe/tasks", false)]
    public void Companions_of_other_packages_are_left_out(string name, string synopsis, string section, bool admitted)
    {
        Assert.Equal(admitted, SynopsisRules.Admits(new DebianPackage(name, name, section, synopsis, [])));
    }
}
