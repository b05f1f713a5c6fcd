using System.Globalization;
using Spectre.Console;

namespace Serving.Trainer.Terminal;

/// <summary>
/// How far a long task is and how long it still takes: a bar on a terminal, a line for every tenth elsewhere (logs, pipes). One caller at a time;
/// write nothing else to the console between the first report and disposal.
/// </summary>
internal sealed class ProgressBar(string title, long total, TimeProvider time, bool? drawn = null) : IDisposable
{
    private readonly long _started = time.GetTimestamp();
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long? _first;
    private long _tenth;
    private ProgressTask? _bar;
    private Task? _screen;

    /// <summary>Output goes to a person's terminal.</summary>
    public static bool OnTerminal => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive;

    /// <summary>Sets the bar to <paramref name="done"/> of the total; <paramref name="text"/> stands beside it.</summary>
    public void Report(long done, string text = "")
    {
        _first ??= done;
        if (drawn ?? OnTerminal)
        {
            Draw(done, text);
        }
        else if (10 * done / Math.Max(1, total) is var tenth && tenth > _tenth)
        {
            _tenth = tenth;
            Console.WriteLine(Line(done, text));
        }
    }

    /// <summary>"title done/total text left 00:12:34".</summary>
    public string Line(long done, string text) =>
        string.Create(CultureInfo.InvariantCulture, $"{title} {done}/{total}  {text}{(text.Length > 0 ? "  " : "")}left {Left(done):hh\\:mm\\:ss}");

    public void Dispose()
    {
        _finished.TrySetResult();
        _screen?.GetAwaiter().GetResult();
    }

    /// <summary>From the pace since the first report.</summary>
    private TimeSpan Left(long done)
    {
        _first ??= done;
        return done > _first ? time.GetElapsedTime(_started) / (done - _first.Value) * (total - done) : TimeSpan.Zero;
    }

    private void Draw(long done, string text)
    {
        if (_bar is null)
        {
            var ready = new TaskCompletionSource<ProgressTask>(TaskCreationOptions.RunContinuationsAsynchronously);
            _screen = AnsiConsole.Progress()
                .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .StartAsync(async context =>
                {
                    ready.SetResult(context.AddTask(Markup.Escape(title), maxValue: Math.Max(1, total)));
                    await _finished.Task;
                });
            _bar = ready.Task.GetAwaiter().GetResult();

            // The bar hides the cursor; a run that is stopped by Ctrl-C gives it back.
            Console.CancelKeyPress += (_, _) => AnsiConsole.Cursor.Show();
        }

        _bar.Value = done;
        _bar.Description = Markup.Escape(Line(done, text));
    }
}
