using System.Diagnostics;
using System.Globalization;

namespace Serving.Benchmarks;

/// <summary>The verb "score" as a process of its own.</summary>
internal static class ScoreProcess
{
    public static Process Start(string models, string input, string output) => Process.Start(new ProcessStartInfo(
        Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "Serving.Server.exe" : "Serving.Server"),
        ["score", "--in", input, "--out", output, "--models", models]))!;

    /// <summary>Runs to the end; the largest resident memory in MiB that was seen, 0 where the system does not tell.</summary>
    public static async Task<(double Seconds, double PeakMiB)> RunAsync(string models, string input, string output)
    {
        var begun = Stopwatch.GetTimestamp();
        using var process = Start(models, input, output);
        var ended = process.WaitForExitAsync();
        var peak = 0.0;
        while (!ended.IsCompleted)
        {
            peak = Math.Max(peak, PeakOf(process.Id));
            await Task.WhenAny(ended, Task.Delay(TimeSpan.FromMilliseconds(200)));
        }

        return process.ExitCode == 0
            ? (Stopwatch.GetElapsedTime(begun).TotalSeconds, peak)
            : throw new InvalidOperationException($"score ended with {process.ExitCode}.");
    }

    private static double PeakOf(int process)
    {
        try
        {
            const string name = "VmHWM:";
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024.0;
        }
        catch (IOException)
        {
            return 0;        // it has just ended
        }
    }
}
