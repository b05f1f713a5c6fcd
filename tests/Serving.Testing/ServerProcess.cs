using System.Collections.Concurrent;
using System.Diagnostics;

namespace Serving.Testing;

/// <summary>The server as a process of its own, on a free port; killed with SIGKILL when disposed.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private const string Listening = "Now listening on: ";

    private static readonly TimeSpan _readyWithin = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),                     // nothing may depend on where it is started
        };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "Serving.Server.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException("The server ended before it listened."));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Both output streams so far.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Of the process.</summary>
    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Time that it has had on processors so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts the program with any arguments and does not wait for it.</summary>
    public static ServerProcess Launch(params IEnumerable<string> arguments) => new(arguments);

    /// <summary>Starts a server over these folders and waits until it listens.</summary>
    public static Task<ServerProcess> StartAsync(
        string models, string episodes, CancellationToken cancellationToken, params IEnumerable<string> settings) =>
        StartAsync(models, episodes, new Dictionary<string, string>(), cancellationToken, settings);

    /// <summary>The same with these environment variables.</summary>
    public static async Task<ServerProcess> StartAsync(
        string models, string episodes, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken, params IEnumerable<string> settings)
    {
        string[] folders = ["--Models:Root=" + models, "--Episodes:Root=" + episodes, $"--Experiments:Root={episodes}-experiments"];
        var server = new ServerProcess(["serve", "--urls", "http://127.0.0.1:0", "--Onnx:Threads=1", "--Trainer:Mode=Off", .. folders, .. settings], environment);
        try
        {
            await server._address.Task.WaitAsync(cancellationToken);
            return server;
        }
        catch (Exception exception)
        {
            var output = server.Output;
            await server.DisposeAsync();
            throw new InvalidOperationException($"The server did not start:\n{output}", exception);
        }
    }

    /// <summary>A client of a server that listens.</summary>
    public HttpClient CreateClient() => new() { BaseAddress = _address.Task.Result };

    /// <summary>Returns once /readyz says so.</summary>
    /// <exception cref="InvalidOperationException">Not within minutes, or it has ended; the message has its reasons.</exception>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        using var client = CreateClient();
        for (var waiting = Stopwatch.StartNew(); ; await Task.Delay(20, cancellationToken))
        {
            try
            {
                using var response = await client.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }

                if (waiting.Elapsed > _readyWithin)
                {
                    throw new InvalidOperationException(
                        $"The server is not ready: {await response.Content.ReadAsStringAsync(cancellationToken)}\n{Output}");
                }
            }
            catch (HttpRequestException e)
            {
                throw new InvalidOperationException($"The server does not answer:\n{Output}", e);
            }
        }
    }

    /// <summary>SIGKILL, and waits for the end.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public Task WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private void Note(string? line)
    {
        if (line is null)
        {
            return;
        }

        _output.Enqueue(line);
        var at = line.IndexOf(Listening, StringComparison.Ordinal);
        if (at >= 0)
        {
            _address.TrySetResult(new Uri(line[(at + Listening.Length)..].Trim()));
        }
    }
}
