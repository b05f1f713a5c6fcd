using System.Diagnostics;

namespace Serving.Training;

/// <summary>
/// A process of ours that is started beside this one and, at the latest when disposed, ended. Its output goes to one file. Its input is a pipe that closes when
/// this process ends, however it ends: a program that watches its input ends with us. Thread-safe.
/// </summary>
public sealed class ChildProcess : IDisposable
{
    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Lock _gate = new();
    private long _lines;
    private bool _isDisposed;

    private ChildProcess(Process process, string log)
    {
        _process = process;
        _log = new StreamWriter(log, append: true) { AutoFlush = true };
        LogPath = log;
        process.OutputDataReceived += (_, line) => Write(line.Data);
        process.ErrorDataReceived += (_, line) => Write(line.Data);
    }

    public string LogPath { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The last line that the process printed.</summary>
    public string LastLine { get; private set; } = "";

    /// <summary>Lines that it has printed so far.</summary>
    public long Lines => Interlocked.Read(ref _lines);

    /// <summary>Bytes of memory that it holds now; 0 when it has ended.</summary>
    public long ResidentBytes
    {
        get
        {
            try
            {
                _process.Refresh();
                return _process.WorkingSet64;
            }
            catch (InvalidOperationException)
            {
                return 0;
            }
        }
    }

    /// <param name="assembly">A program's .dll, run by the dotnet host of this process.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    /// <param name="log">File that its output is appended to.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no dotnet host to run it.</exception>
    public static ChildProcess Start(string assembly, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string log)
    {
        var start = new ProcessStartInfo(DotnetHost())
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(assembly);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var child = new ChildProcess(new Process { StartInfo = start }, log);
        try
        {
            child._process.Start();
        }
        catch
        {
            child._log.Dispose();
            child._process.Dispose();
            throw;
        }

        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for the end; the exit code.</summary>
    public async Task<int> WaitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Asks a program that watches its input to end.</summary>
    public void CloseInput() => _process.StandardInput.Close();

    public void Dispose()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }

        _process.Dispose();
        lock (_gate)
        {
            _isDisposed = true;
            try
            {
                _log.Dispose();
            }
            catch (IOException)
            {
                // The disk is full.
            }
        }
    }

    private static string DotnetHost() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) is "dotnet" ? Environment.ProcessPath! : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private void Write(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            LastLine = line;
            _lines++;
            try
            {
                if (!_isDisposed)
                {
                    _log.WriteLine(line);
                }
            }
            catch (IOException)
            {
                // The disk is full. This runs on a thread of the pool, where an exception would end the process.
            }
        }
    }
}
