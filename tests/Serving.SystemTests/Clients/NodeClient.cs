using System.Diagnostics;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>Runs a script over packages from npm (client.mjs drives the openai package) and reads its output line by line.</summary>
internal sealed class NodeClient : IDisposable
{
    private const string Folder = "tests/Serving.SystemTests/Clients/node";
    private const string Instruction = $"The npm client is not installed. Install Node.js 18 or newer, then run: npm ci --prefix {Folder}";

    private readonly Process _process;

    public NodeClient(Uri server, string scenario, string script = "client.mjs")
    {
        var folder = Path.Combine(Repository.Root, Folder);
        if (!((string[])["openai", "parse-prometheus-text-format"]).All(package => Directory.Exists(Path.Combine(folder, "node_modules", package))))
        {
            Missing(null);
        }

        try
        {
            _process = Process.Start(new ProcessStartInfo("node", [script, new Uri(server, "v1").ToString(), scenario])
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            Missing(exception);
            throw;
        }
    }

    public async Task<string> ReadLineAsync(CancellationToken cancellationToken) =>
        await _process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException($"The script ended early: {await Errors(cancellationToken)}");

    /// <summary>The last line, as JSON.</summary>
    public async Task<JsonNode> ResultAsync(CancellationToken cancellationToken)
    {
        var output = await _process.StandardOutput.ReadToEndAsync(cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
        Assert.True(_process.ExitCode == 0, $"The script failed: {await Errors(cancellationToken)}");
        return JsonNode.Parse(output.TrimEnd().Split('\n')[^1])!;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private Task<string> Errors(CancellationToken cancellationToken) => _process.StandardError.ReadToEndAsync(cancellationToken);

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
