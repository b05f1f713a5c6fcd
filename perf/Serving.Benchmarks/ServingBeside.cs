using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>A server process that answers Best-of-16 requests with the shipped models, two at a time, until it is disposed: what a measurement has beside it in real use.</summary>
internal sealed class ServingBeside : IAsyncDisposable
{
    private const int AtATime = 2;

    private readonly CancellationTokenSource _end = new();
    private readonly TemporaryFolder _folder;
    private readonly ServerProcess _server;
    private readonly HttpClient _client;
    private readonly Task[] _callers;
    private int _answered;

    private ServingBeside(TemporaryFolder folder, ServerProcess server)
    {
        (_folder, _server, _client) = (folder, server, server.CreateClient());
        _callers = [.. Enumerable.Range(0, AtATime).Select(CallAsync)];
    }

    public int Answered => _answered;

    /// <summary>Returns when the first request has been answered.</summary>
    public static async Task<ServingBeside> StartAsync(string models, CancellationToken cancellationToken)
    {
        var folder = new TemporaryFolder();
        var beside = new ServingBeside(folder, await ServerProcess.StartAsync(models, folder.Path, cancellationToken, "--Experiments:Gate=Off"));
        while (beside.Answered == 0)
        {
            await Task.Delay(50, cancellationToken);
        }

        return beside;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_callers);
        _client.Dispose();
        await _server.DisposeAsync();
        _folder.Dispose();
        _end.Dispose();
    }

    private async Task CallAsync(int caller)
    {
        for (var number = caller; !_end.IsCancellationRequested; number += AtATime)
        {
            var body = new JsonObject
            {
                ["model"] = "best-of-n",
                ["seed"] = number,
                ["best_of_n"] = new JsonObject { ["n"] = 16 },
                ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"Library number {number} for reading and plotting tables of measurements." }),
            };
            try
            {
                using var response = await _client.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, _end.Token);
                if (response.IsSuccessStatusCode)
                {
                    Interlocked.Increment(ref _answered);
                }
                else
                {
                    await Task.Delay(100, _end.Token);        // not ready yet
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
