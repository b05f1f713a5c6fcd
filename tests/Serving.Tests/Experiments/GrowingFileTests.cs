using System.Text;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>Logs are read as they grow, each line once.</summary>
public sealed class GrowingFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Log => _folder.File("log");

    [Fact]
    public void Each_look_gives_the_whole_lines_that_have_come_since()
    {
        var file = new GrowingFile(Log);
        Assert.Empty(Look(file));
        File.WriteAllText(Log, "one\ntwo\nthr");
        Assert.Equal(["1 one", "2 two"], Look(file));
        Assert.Empty(Look(file));
        File.AppendAllText(Log, "ee\n");
        Assert.Equal(["3 three last"], Look(file));
        Assert.False(file.IsNew());
    }

    [Fact]
    public void A_line_that_was_not_taken_is_given_again()
    {
        File.WriteAllText(Log, "one\ntwo\n");
        var file = new GrowingFile(Log);
        foreach (var (line, isLast) in file.NewLines())
        {
            if (isLast)
            {
                break;
            }
        }

        Assert.Equal(["2 two last"], Look(file));
    }

    [Fact]
    public void A_file_that_is_another_is_begun_anew()
    {
        File.WriteAllText(Log, "one\ntwo\n");
        var file = new GrowingFile(Log);
        Look(file);

        File.WriteAllText(Log, "on\n");
        Assert.True(file.IsNew());
        Assert.Equal(["1 on last"], Look(file));
        File.WriteAllText(Log, "another\nand more\n");
        Assert.True(file.IsNew());
        Assert.Equal(["1 another", "2 and more last"], Look(file));
        File.Delete(Log);
        Assert.True(file.IsNew());
        Assert.Empty(Look(file));
    }

    [Fact]
    public void Lines_longer_than_the_buffer_and_many_short_ones_are_whole()
    {
        string[] lines = [new('x', 5_000_000), .. Enumerable.Range(0, 300_000).Select(i => $"line {i}"), new('y', 3_000_000)];
        File.WriteAllLines(Log, lines);

        Assert.Equal(lines, new GrowingFile(Log).NewLines().Select(line => Encoding.UTF8.GetString(line.Line)));
    }

    public void Dispose() => _folder.Dispose();

    private static string[] Look(GrowingFile file) => [.. file.NewLines().Select(line => $"{file.Line} {Encoding.UTF8.GetString(line.Line)}{(line.IsLast ? " last" : "")}")];
}
