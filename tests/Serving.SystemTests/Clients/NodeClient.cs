using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>
/// A class fixture: one Node.js process that runs the scripts of the folder "node" over packages from npm, started by the first order. Not thread-safe.
/// </summary>
public sealed class NodeClient : IDisposable
{
    private const string Folder = "tests/Serving.SystemTests/Clients/node";
    private const string Instruction = $"The packages from npm are not installed. Install Node.js 18 or newer, then run: npm ci --prefix {Folder}";

    private readonly ConcurrentQueue<string> _errors = new();
    private Process? _process;
    private int _orders;

    /// <summary>Runs a scenario to its end and gives its result.</summary>
    /// <param name="app">The server; its own client's key is the scenario's, unless the order has another.</param>
    /// <param name="scenario">"script.function".</param>
    /// <param name="members">Further members of the order, without braces.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<JsonNode> RunAsync(ServingApp app, string scenario, string members, CancellationToken cancellationToken)
    {
        await BeginAsync(app, scenario, members, cancellationToken);
        return await ResultAsync(cancellationToken);
    }

    /// <summary>Begins a scenario that the test takes part in.</summary>
    public async Task BeginAsync(ServingApp app, string scenario, string members, CancellationToken cancellationToken)
    {
        _process ??= Start();
        var order = JsonNode.Parse($"{{{members}}}")!.AsObject();
        (order["script"], order["run"]) = (scenario.Split('.')[0], scenario.Split('.')[1]);
        (order["id"], order["server"]) = (++_orders, app.Client.BaseAddress!.ToString());
        order["key"] ??= app.Client.DefaultRequestHeaders.Authorization?.Parameter;
        await _process.StandardInput.WriteLineAsync(order.ToJsonString().AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
    }

    /// <summary>Returns when the scenario tells of an event.</summary>
    public async Task EventAsync(string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            var told = await ReadAsync(cancellationToken);
            Assert.True(told["event"] is not null, $"The scenario ended before \"{name}\": {told.ToJsonString()}");
            if ((string?)told["event"] == name)
            {
                return;
            }
        }
    }

    /// <summary>What the scenario gives; null in JSON is null here.</summary>
    public async Task<JsonNode> ResultAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var told = await ReadAsync(cancellationToken);
            Assert.True(told["failed"] is null, $"The scenario failed: {told["failed"]}");
            if (told["event"] is null)
            {
                return told["result"]!;
            }
        }
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }

        _process?.Dispose();
    }

    /// <summary>The next line of the order under way; what a failed test left unread is passed over.</summary>
    private async Task<JsonNode> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var line = await _process!.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new InvalidOperationException($"Node.js ended early: {string.Join('\n', _errors)}");
            var told = JsonNode.Parse(line)!;
            if ((int?)told["id"] == _orders)
            {
                return told;
            }
        }
    }

    private Process Start()
    {
        var folder = Path.Combine(Repository.Root, Folder);
        var packages = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "package.json")))!["dependencies"]!.AsObject();
        if (!packages.All(package => Directory.Exists(Path.Combine(folder, "node_modules", package.Key))))
        {
            Missing(null);
        }

        try
        {
            var process = Process.Start(new ProcessStartInfo("node", "stage.mjs")
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            process.ErrorDataReceived += (_, line) => _errors.Enqueue(line.Data ?? "");
            process.BeginErrorReadLine();
            return process;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Missing(exception);
            throw;
        }
    }

    /// <summary>On a machine with nothing but the .NET SDK the test is skipped, in sight; where CI is set it fails.</summary>
    private static void Missing(Exception? cause)
    {
        if (Environment.GetEnvironmentVariable("CI") is "true" or "1")
        {
            throw new InvalidOperationException(Instruction, cause);
        }

        Assert.Skip(Instruction);
    }
}
