using System.Diagnostics;
using System.Globalization;

namespace Serving.Benchmarks.Distil;

/// <summary>The trainer's verb "run" as a process of its own, its output in the run's folder. A run that has ended is not made again; one that was cut off goes on.</summary>
internal static class TrainingProcess
{
    private const string Ended = "ended";

    /// <param name="arguments">Of the verb, without folder, seed and resume.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="folder">Of the run.</param>
    /// <param name="cancellationToken">Stops the trainer at the end of a round, with a checkpoint.</param>
    /// <exception cref="InvalidOperationException">The trainer failed; its output says why.</exception>
    public static async Task RunAsync(IReadOnlyList<string> arguments, ulong seed, string folder, CancellationToken cancellationToken)
    {
        var (mark, output) = (Path.Combine(folder, Ended), Path.Combine(folder, "output.txt"));
        if (File.Exists(mark))
        {
            return;
        }

        Directory.CreateDirectory(folder);
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "Serving.Trainer.exe" : "Serving.Trainer"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in (string[])["run", .. arguments, "--run", folder, "--seed", seed.ToString(CultureInfo.InvariantCulture), "--resume"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        await using (var text = TextWriter.Synchronized(new StreamWriter(output, append: true) { AutoFlush = true }))
        {
            process.OutputDataReceived += (_, line) => text.WriteLine(line.Data);
            process.ErrorDataReceived += (_, line) => text.WriteLine(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            try
            {
                await process.WaitForExitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }
        }

        // A run that a stop rule ended has ended, too.
        if (process.ExitCode is not (0 or StoppedByRule))
        {
            throw new InvalidOperationException($"The trainer ended with {process.ExitCode}; see {output}.");
        }

        await File.WriteAllTextAsync(mark, "", cancellationToken);
    }

    /// <summary>Exit code of a run that its own rules stopped.</summary>
    private const int StoppedByRule = 3;
}
