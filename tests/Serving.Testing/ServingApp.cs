using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serving.Episodes;
using Serving.Inference;
using Serving.Models;

namespace Serving.Testing;

/// <summary>
/// The whole server in this process: Program itself, real Kestrel on a free port, real tiny models, its own registry and episode log,
/// deleted with it. Settings are given as on the command line.
/// </summary>
public sealed class ServingApp : WebApplicationFactory<Program>
{
    private readonly TemporaryFolder _folder = new();
    private IReadOnlyList<IAsyncDisposable> _logs = [];
    private bool _isDisposed;
    private readonly Action<IServiceCollection>? _services;
    private readonly Dictionary<string, string> _settings;

    /// <param name="settings">"Section:Key" and value, over the defaults of this class.</param>
    /// <param name="publish">Fills the registry; null = <see cref="PublishDefaults"/>.</param>
    /// <param name="services">Replaces services.</param>
    public ServingApp(
        IReadOnlyDictionary<string, string>? settings = null, Action<ModelStore>? publish = null, Action<IServiceCollection>? services = null)
    {
        _services = services;
        _settings = new Dictionary<string, string>
        {
            ["Models:Root"] = ModelsRoot,
            ["Models:MaxCanaryDivergence"] = "0",                      // versions with other random weights have nothing in common
            ["Episodes:Root"] = EpisodesRoot,
            ["Experiments:Root"] = _folder.File("experiments"),
            ["Onnx:Threads"] = "1",
            ["Trainer:Mode"] = "Off",
        };
        foreach (var (key, value) in settings ?? new Dictionary<string, string>())
        {
            _settings[key] = value;
        }

        (publish ?? PublishDefaults)(new ModelStore(ModelsRoot, TimeProvider.System));
        UseKestrel(0);
        StartServer();
        Client = CreateClient();
    }

    public string ModelsRoot => _folder.File("models");

    public string EpisodesRoot => _folder.File("episodes");

    /// <summary>One client for all requests, over a real connection.</summary>
    public HttpClient Client { get; }

    /// <summary>Everything that was logged at warning or above.</summary>
    public CapturedLog Log { get; } = new();

    /// <summary>The policies and scorers that the default settings name.</summary>
    public static void PublishDefaults(ModelStore store)
    {
        TinyPolicy.Publish(store, "anchor", seed: 1);
        TinyPolicy.Publish(store, "student", seed: 2);
        TinyScorer.PublishBoth(store);
    }

    /// <summary>What is on disk now, in order.</summary>
    public IReadOnlyList<Episode> Episodes() => [.. new EpisodeReader(EpisodesRoot).ReadAll()];

    /// <summary>Returns once /readyz says so.</summary>
    public async Task<ServingApp> ReadyAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            using var response = await Client.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                return this;
            }

            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>Returns once the distilled policy has a candidate beside it.</summary>
    public async Task<ServingApp> CandidateAsync(CancellationToken cancellationToken)
    {
        await ReadyAsync(cancellationToken);
        while (Services.GetRequiredService<PolicyRegistry>().Candidate(PolicyRegistry.DistilledAlias) is null)
        {
            await Task.Delay(20, cancellationToken);
        }

        return this;
    }

    /// <summary>Posts a JSON body and reads the whole answer.</summary>
    public async Task<Reply> PostAsync(string path, string json, CancellationToken cancellationToken)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await Client.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken);
        return await Reply.ReadAsync(response, cancellationToken);
    }

    /// <summary>Posts a chat request of one user message; <paramref name="fields"/> are further members, without braces.</summary>
    public Task<Reply> ChatAsync(string model, string message, string fields, CancellationToken cancellationToken) =>
        PostAsync("/v1/chat/completions", ChatBody(model, message, fields), cancellationToken);

    /// <summary>Posts a request whose answer is to be read as it comes.</summary>
    public async Task<HttpResponseMessage> StreamAsync(string path, string json, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public static string ChatBody(string model, string message, string fields)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = message }),
        };
        foreach (var (name, value) in JsonNode.Parse($"{{{fields}}}")!.AsObject())
        {
            body[name] = value?.DeepClone();
        }

        return body.ToJsonString();
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Production");                          // Development puts a page of its own around errors
        foreach (var (key, value) in _settings)
        {
            builder.UseSetting(key, value);
        }

        builder.ConfigureLogging(logging => logging.ClearProviders().AddProvider(Log));
        builder.ConfigureServices(services => _services?.Invoke(services));
    }

    /// <summary>Keeps hold of the logs: a server that was told to stop has no services to ask for them later.</summary>
    protected override IHost CreateHost(IHostBuilder builder)
    {
        var host = base.CreateHost(builder);
        _logs = [host.Services.GetRequiredService<EpisodeLog>(), host.Services.GetRequiredService<FeedbackLog>()];
        return host;
    }

    /// <summary>Stops the server, and removes its folder once nothing writes to it any more: the factory does not wait until the logs are closed.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await base.DisposeAsync();
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        _folder.Dispose();
    }
}
