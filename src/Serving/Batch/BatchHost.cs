using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Experiments;
using Serving.Generation;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Requests;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>
/// The server's rooms without its web server: configuration and registrations are the same. Scorers are loaded at once, policies when the first line asks
/// for one; no version is swapped in later. Owns what it loads.
/// </summary>
public sealed class BatchHost : IDisposable
{
    /// <summary>Requests to policies under way: enough to keep the engine's rows busy, few enough that none waits for its deadline.</summary>
    private const int MostGenerations = 8;

    private readonly IHost _host;
    private readonly Lazy<Task> _policies;
    private readonly SemaphoreSlim _generations = new(MostGenerations);

    private BatchHost(IHost host)
    {
        _host = host;
        _policies = new Lazy<Task>(LoadPoliciesAsync);
    }

    public Scorecards Scorecards => Service<Scorecards>();

    public ScoringOptions Scoring => Options<ScoringOptions>();

    public string ModelsRoot => Service<ModelStore>().Root;

    public RequestOptions Requests => Options<RequestOptions>();

    /// <summary>Every route that a file of requests may name.</summary>
    public IReadOnlyDictionary<string, JsonRoute> Routes =>
        Service<ScoreRoutes>().All.Concat(Service<GenerationRoutes>().All.Select(WithPolicies)).ToDictionary(route => route.Path, StringComparer.Ordinal);

    /// <summary>Digest of all scorecards and of the versions behind the aliases.</summary>
    public string Digest
    {
        get
        {
            var models = Options<ModelOptions>();
            string?[] parts =
            [
                .. Scorecards.Names.Select(name => Scorecards.Find(name)!.Digest), PolicyDigest(models.Anchor), PolicyDigest(models.Distilled),
            ];
            return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))));
        }
    }

    /// <exception cref="ScorerException">A scorer cannot be loaded.</exception>
    /// <exception cref="OptionsValidationException">A setting is wrong.</exception>
    public static BatchHost Open(IReadOnlyDictionary<string, string?> settings)
    {
        var host = Build(settings);
        try
        {
            host.Scorecards.Load();
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>The same with nothing loaded yet.</summary>
    public static BatchHost Build(IReadOnlyDictionary<string, string?> settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(settings)
        {
            // The server keeps the log, and offline answers are nobody's. A cache would show in "cached_tokens" what was asked before.
            [$"{EpisodeOptions.Section}:{nameof(EpisodeOptions.Enabled)}"] = "false",
            [$"{InferenceOptions.Section}:{nameof(InferenceOptions.PrefixCacheTokens)}"] = "0",
            [$"{ExperimentOptions.Section}:{nameof(ExperimentOptions.Gate)}"] = nameof(GateMode.Off),
        });
        builder.Logging.ClearProviders();
        builder.AddRequests();
        builder.AddModels();
        builder.AddInference();
        builder.AddScoring();
        builder.AddEpisodes();
        builder.AddExperiments();
        builder.AddGeneration();
        return new BatchHost(builder.Build());
    }

    /// <summary>How an exception is answered, as over HTTP.</summary>
    public ApiError Describe(Exception exception) => ApiErrors.Describe(exception, _host.Services.GetServices<ApiErrorRule>());

    /// <summary>One of the server's parts.</summary>
    public T Service<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Content digest of the version that a policy's name means; null when there is none.</summary>
    public string? PolicyDigest(string name)
    {
        var store = Service<ModelStore>();
        var current = Service<VersionActions>().CurrentOf(name);
        return store.Versions(name).FirstOrDefault(version => version.Number == current)?.Manifest.Digest;
    }

    /// <summary>Runs what needs the policies, a few at a time.</summary>
    /// <exception cref="BatchException">They cannot be loaded.</exception>
    public async Task<T> WithPoliciesAsync<T>(Func<Task<T>> generate, CancellationToken cancellationToken)
    {
        await _policies.Value.WaitAsync(cancellationToken);
        await _generations.WaitAsync(cancellationToken);
        try
        {
            return await generate();
        }
        finally
        {
            _generations.Release();
        }
    }

    public void Dispose()
    {
        _host.Dispose();
        _generations.Dispose();
    }

    private JsonRoute WithPolicies(JsonRoute route) => route with
    {
        Answer = (body, stamp, cancellationToken) => WithPoliciesAsync(() => route.Answer(body, stamp, cancellationToken), cancellationToken),
    };

    private async Task LoadPoliciesAsync()
    {
        var (registry, watcher) = (Service<PolicyRegistry>(), Service<ModelWatcher>());
        try
        {
            await registry.StartAsync(CancellationToken.None);
        }
        catch (ModelException e)
        {
            throw new BatchException(e.Message);
        }

        await watcher.StartAsync(CancellationToken.None);
        while (!registry.Ready)
        {
            if (registry.LoadError is { } error)
            {
                throw new BatchException(error);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        await watcher.StopAsync(CancellationToken.None);        // a version that is published later must not change the answers
    }

    private T Options<T>()
        where T : class => Service<IOptions<T>>().Value;
}
