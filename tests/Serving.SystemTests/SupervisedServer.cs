using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.Models;
using Serving.Testing;

namespace Serving.SystemTests;

/// <summary>A server that trains: real processes over tiny models, a log of a few episodes, runs of a few seconds.</summary>
public sealed partial class SupervisedServer : IAsyncDisposable
{
    /// <summary>Enough for a run to begin.</summary>
    public const int Episodes = 12;

    /// <summary>Low enough to be told from the default of processes, and high enough that a busy machine does not starve the test.</summary>
    public const int Nice = 1;

    private readonly ServerProcess _server;

    private SupervisedServer(ServerProcess server) => (_server, Client) = (server, server.CreateClient());

    public HttpClient Client { get; }

    /// <summary>What the server has printed so far.</summary>
    public string Output => _server.Output;

    /// <summary>Starts a server over the folder's models, episodes and runs; it is ready when this returns.</summary>
    public static async Task<SupervisedServer> StartAsync(TemporaryFolder folder, CancellationToken cancellationToken, params IEnumerable<string> settings)
    {
        if (!Directory.Exists(folder.File("models")))
        {
            ServingApp.PublishDefaults(new ModelStore(folder.File("models"), TimeProvider.System));
        }

        var server = new SupervisedServer(await ServerProcess.StartAsync(
            folder.File("models"),
            folder.File("episodes"),
            cancellationToken,
            [
                "--Trainer:Mode=Supervised", "--Trainer:Root=" + folder.File("training"), $"--Trainer:MinNewEpisodes={Episodes}", "--Trainer:PollInterval=00:00:00.05",
                "--Trainer:RestartDelay=00:00:00.1", "--Trainer:Recipe=bond", "--Trainer:GroupsPerStep=2", "--Trainer:RoundSteps=2", "--Trainer:CheckpointEvery=2",
                "--Trainer:LogEvery=1", "--Trainer:EvaluationPrompts=0", "--Trainer:MaxTokens=5", "--Trainer:Threads=1", "--Trainer:Steps=4", $"--Trainer:Nice={Nice}", "--Models:PollInterval=00:00:00.1", "--Experiments:Root=" + folder.File("experiments"), "--Experiments:Gate=Off",
                .. settings,
            ]));
        await server.UntilAsync(async () =>
        {
            using var response = await server.Client.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken);
            return response.IsSuccessStatusCode;
        }, cancellationToken);
        return server;
    }

    /// <summary>Asks for the best of a few, <paramref name="count"/> times; each becomes an episode.</summary>
    public async Task LogEpisodesAsync(int count, CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            await AskAsync("best-of-n", i, """ "max_tokens":5,"best_of_n":{"n":4} """, cancellationToken);
        }
    }

    /// <summary>The "name@version" that answers for the distilled policy; no episode.</summary>
    public Task<string> DistilledAsync(CancellationToken cancellationToken) => AskAsync("distilled", 0, """ "max_tokens":5 """, cancellationToken);

    /// <summary>Whether a request may name this version now.</summary>
    public async Task<bool> IsServedAsync(string version, CancellationToken cancellationToken)
    {
        using var response = await Client.GetAsync(new Uri($"/v1/models/{version}", UriKind.Relative), cancellationToken);
        return response.IsSuccessStatusCode;
    }

    private async Task<string> AskAsync(string model, int number, string fields, CancellationToken cancellationToken)
    {
        using var body = JsonContent.Create(JsonNode.Parse(ServingApp.ChatBody(model, $"Perl module number {number} for archives.", fields)));
        using var response = await Client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? (string)JsonNode.Parse(text)!["model"]! : throw new InvalidOperationException(text);
    }

    /// <summary>Returns once the server has printed this.</summary>
    public Task PrintedAsync(string text, CancellationToken cancellationToken) =>
        UntilAsync(() => Task.FromResult(Output.Contains(text, StringComparison.Ordinal)), cancellationToken);

    /// <summary>Returns once it holds. The test's own time limit is the only one.</summary>
    public async Task UntilAsync(Func<Task<bool>> holds, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        while (!await holds())
        {
            if (limit.IsCancellationRequested)
            {
                throw new InvalidOperationException($"It did not come to pass. The server said:\n{Output}");
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    /// <summary>The trainer that was started last.</summary>
    public Process Trainer() =>
        Process.GetProcessById(int.Parse(Started().Matches(Output)[^1].Groups[1].Value, CultureInfo.InvariantCulture));

    public Task KillAsync() => _server.KillAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
    }

    [GeneratedRegex("works in process ([0-9]+)")]
    private static partial Regex Started();
}
