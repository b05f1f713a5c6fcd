using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Serving.Inference;
using Serving.Models;
using Serving.Testing;

namespace Serving.SystemTests.Clients;

/// <summary>
/// A class fixture: a server that refuses. It asks for a key, takes small bodies, has one slot and next to no queues, and its clock stands still: moving it past
/// the deadline breaks whatever is under way.
/// </summary>
public sealed class RefusingApp : IAsyncDisposable
{
    public const string Key = "the-right-key";
    public const int MaxBodyBytes = 64 * 1024;

    private static readonly Dictionary<string, string> _settings = new()
    {
        ["Requests:ApiKeys:0"] = Key,
        ["Requests:MaxBodyBytes"] = $"{MaxBodyBytes}",
        ["Inference:Slots"] = "1",
        ["Inference:QueueLimit"] = "1",
        ["Scoring:AdmissionLimit"] = "1",
        ["Scoring:MaxPairs"] = $"{MaxBodyBytes}",
    };

    private readonly ManualTime _time = new();
    private readonly ServingApp _app;
    private Task<ServingApp>? _ready;

    public RefusingApp()
    {
        _app = new ServingApp(_settings, Publish, services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(_time)));
        _app.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
    }

    /// <summary>The server, which has been ready once; while it is full it says that it is not.</summary>
    public Task<ServingApp> AppAsync(CancellationToken cancellationToken) => _ready ??= _app.ReadyAsync(cancellationToken);

    /// <summary>Every request under way is now too late.</summary>
    public void PassDeadline() => _time.Advance(TimeSpan.FromMinutes(3));

    /// <summary>Returns when the student's engine has something to do.</summary>
    public async Task EngineBusyAsync(CancellationToken cancellationToken)
    {
        await AppAsync(cancellationToken);
        var engine = _app.Services.GetRequiredService<PolicyRegistry>().Current().Single(policy => policy.Folder.Manifest.Name == "student").Engine;
        while (engine.Statistics.ActiveRows == 0)
        {
            await Task.Delay(1, cancellationToken);
        }
    }

    /// <summary>Returns when the engine refuses requests, which it does until the result is disposed.</summary>
    public Task<IAsyncDisposable> FillEngineAsync(CancellationToken cancellationToken) => FillAsync(
        "/v1/chat/completions",
        ServingApp.ChatBody("distilled", "dates", "\"n\": 64, \"max_tokens\": 16000, \"ignore_eos\": true"),
        ServingApp.ChatBody("distilled", "dates", "\"max_tokens\": 1"),
        cancellationToken);

    /// <summary>Returns when the routes of scores refuse requests, which they do until the result is disposed.</summary>
    public Task<IAsyncDisposable> FillScorersAsync(CancellationToken cancellationToken)
    {
        JsonArray documents = [.. Enumerable.Range(0, MaxBodyBytes / 16).Select(i => JsonValue.Create($"dates {i}"))];
        return FillAsync(
            "/v2/rerank",
            new JsonObject { ["query"] = "dates", ["documents"] = documents }.ToJsonString(),
            """{"query": "dates", "documents": ["dates"]}""",
            cancellationToken);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IAsyncDisposable> FillAsync(string path, string large, string small, CancellationToken cancellationToken)
    {
        await AppAsync(cancellationToken);
        var occupant = new Occupant(_app, path, large);
        while ((await _app.PostAsync(path, small, cancellationToken)).Status != HttpStatusCode.TooManyRequests)
        {
            await Task.Yield();
        }

        return occupant;
    }

    private static void Publish(ModelStore store)
    {
        var config = TinyPolicy.Config with { MaxPositions = 16_384 };
        TinyPolicy.Publish(store, "anchor", config, seed: 1);
        TinyPolicy.Publish(store, "student", config, seed: 2);
        TinyScorer.PublishBoth(store);
    }

    /// <summary>
    /// A request that is under way until it is disposed, however long the client under test takes. It is sent again whenever it ends, and from two sides: when
    /// the last of one side's work leaves the queue, the other side, refused until then, takes the place within milliseconds.
    /// </summary>
    private sealed class Occupant : IAsyncDisposable
    {
        private readonly CancellationTokenSource _end = new();
        private readonly Task _requests;

        public Occupant(ServingApp app, string path, string body) => _requests = Task.WhenAll(
            OccupyAsync(app, path, body, _end.Token),
            OccupyAsync(app, path, body, _end.Token));

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _requests.ContinueWith(_ => { }, TaskScheduler.Default);
            _end.Dispose();
        }

        private static async Task OccupyAsync(ServingApp app, string path, string body, CancellationToken cancellationToken)
        {
            while (true)
            {
                await app.PostAsync(path, body, cancellationToken);
                await Task.Delay(1, cancellationToken);
            }
        }
    }
}
