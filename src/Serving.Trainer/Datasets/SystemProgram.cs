using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Serving.Trainer.Datasets;

/// <summary>Starts a program of the system with its output and errors on pipes.</summary>
internal static class SystemProgram
{
    /// <exception cref="InvalidOperationException">The program is not installed.</exception>
    public static Process Start(IReadOnlyList<string> command, Encoding encoding)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = encoding,
            StandardErrorEncoding = encoding,
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"{command[0]} cannot be started ({e.Message}): install it, or give unpacked files.", e);
        }
    }

    /// <summary>Runs to the end and returns the output's lines.</summary>
    /// <exception cref="InvalidOperationException">The program is not installed or failed; the message ends with what it said.</exception>
    public static IReadOnlyList<string> Run(IReadOnlyList<string> command)
    {
        using var process = Start(command, Encoding.UTF8);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : throw new InvalidOperationException($"{string.Join(' ', command)} failed: {errors.GetAwaiter().GetResult().Trim()}");
    }
}
