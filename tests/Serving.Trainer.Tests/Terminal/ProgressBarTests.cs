using Serving.Trainer.Terminal;

namespace Serving.Trainer.Tests.Terminal;

[Collection("console")]
public sealed class ProgressBarTests
{
    [Fact]
    public void Where_there_is_no_terminal_each_tenth_is_a_line()
    {
        var (screen, console) = (new StringWriter(), Console.Out);
        Console.SetOut(screen);
        try
        {
            using var bar = new ProgressBar("documents", 40, TimeProvider.System, drawn: false);
            for (var done = 0; done <= 40; done++)
            {
                bar.Report(done, "fine");
            }
        }
        finally
        {
            Console.SetOut(console);
        }

        var lines = screen.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.StartsWith("documents ", StringComparison.Ordinal)).ToArray();
        Assert.Equal(10, lines.Length);
        Assert.StartsWith("documents 4/40  fine  left ", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("left 00:00:00", lines[9].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_known_of_the_time_left_before_there_is_a_pace()
    {
        using var bar = new ProgressBar("step", 100, TimeProvider.System);

        Assert.Equal("step 50/100  loss 2  left 00:00:00", bar.Line(50, "loss 2"));
    }
}
