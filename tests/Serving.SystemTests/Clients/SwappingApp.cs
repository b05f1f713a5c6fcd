using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>A server whose student is replaced while a client sends requests to it.</summary>
internal sealed class SwappingApp : IAsyncDisposable
{
    private static readonly Dictionary<string, string> _settings = new() { ["Models:PollInterval"] = "00:00:00.05", ["Experiments:Gate"] = "Off" };

    private readonly ServingApp _app = new(_settings);

    public Task<ServingApp> AppAsync(CancellationToken cancellationToken) => _app.ReadyAsync(cancellationToken);

    /// <summary>Publishes student@2; the server finds it by itself.</summary>
    public void Publish() => TinyPolicy.Publish(new ModelStore(_app.ModelsRoot, TimeProvider.System), "student", seed: 3);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Runs the scenario "swap" of a script, with a publication in the middle.</summary>
    public static async Task<JsonArray> AnswersAsync(NodeClient node, string script, string members, CancellationToken cancellationToken)
    {
        await using var server = new SwappingApp();
        await node.BeginAsync(await server.AppAsync(cancellationToken), $"{script}.swap", members, cancellationToken);
        await node.EventAsync("answer", cancellationToken);
        server.Publish();
        return (await node.ResultAsync(cancellationToken)).AsArray();
    }

    /// <summary>Several callers ask without a pause, with a publication in the middle, until each has got three answers of the new version.</summary>
    public static async Task<IReadOnlyCollection<(string? Model, string? Text)>> AnswersAsync(
        Func<ServingApp, Task<(string? Model, string? Text)[]>> ask, CancellationToken cancellationToken)
    {
        await using var server = new SwappingApp();
        var app = await server.AppAsync(cancellationToken);
        var answers = new ConcurrentBag<(string? Model, string? Text)>();
        foreach (var answer in await ask(app))
        {
            answers.Add(answer);
        }

        var callers = Enumerable.Range(0, 4).Select(_ => CallAsync()).ToArray();
        server.Publish();
        await Task.WhenAll(callers);
        return answers;

        async Task CallAsync()
        {
            for (var later = 0; later < 3;)
            {
                foreach (var answer in await ask(app))
                {
                    answers.Add(answer);
                    later += answer.Model == "student@2" ? 1 : 0;
                }
            }
        }
    }

    /// <summary>Both versions answered, and every answer is wholly that of the version that it names.</summary>
    public static void AssertWhole(IEnumerable<(string? Model, string? Text)> answers)
    {
        var versions = answers.Distinct().ToArray();
        Assert.Equal(["student@1", "student@2"], versions.Select(answer => answer.Model).Order());
        Assert.All(versions, answer => Assert.NotEmpty(answer.Text ?? ""));
        Assert.NotEqual(versions[0].Text, versions[1].Text);
    }
}
