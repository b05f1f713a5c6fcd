using System.Diagnostics;
using System.IO.Compression;
using System.Text;

namespace Serving.Trainer.Datasets;

/// <summary>An index of the archive as it lies on disk: plain, gzip, or compressed in a way that a program of the system undoes.</summary>
internal static class IndexFile
{
    private const string AptHelper = "/usr/lib/apt/apt-helper";

    private static readonly Dictionary<string, string> _programs = new()
    {
        [".xz"] = "xz",
        [".lzma"] = "xz",
        [".lz4"] = "lz4",
        [".bz2"] = "bzip2",
        [".zst"] = "zstd",
    };

    /// <summary>The lines of the file, UTF-8.</summary>
    /// <exception cref="InvalidDataException">The file cannot be unpacked; the message says by what.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IEnumerable<string> Lines(string path)
    {
        var extension = Path.GetExtension(path).ToLowerInvariant();
        return _programs.TryGetValue(extension, out var program) ? Unpacked(path, program) : Plain(path, extension == ".gz");
    }

    private static IEnumerable<string> Plain(string path, bool gzip)
    {
        using var file = File.OpenRead(path);
        using var content = gzip ? new GZipStream(file, CompressionMode.Decompress) : (Stream)file;
        using var reader = new StreamReader(content, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static IEnumerable<string> Unpacked(string path, string program)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file {path}.", path);
        }

        // apt reads every compression that it writes, whether or not the program is installed.
        string[] command = File.Exists(AptHelper) ? [AptHelper, "cat-file", path] : [program, "-dc", path];
        using var process = SystemProgram.Start(command, Encoding.UTF8);
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            while (process.StandardOutput.ReadLine() is { } line)
            {
                yield return line;
            }

            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new InvalidDataException($"{path}: {string.Join(' ', command)} failed: {errors.GetAwaiter().GetResult().Trim()}");
            }
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}
