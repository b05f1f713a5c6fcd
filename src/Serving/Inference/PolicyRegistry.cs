using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// The resident policies by name; each name holds one current version that the watcher may swap, perhaps a candidate and the version before. Owns them: a
/// version that is let go is disposed when its last lease ends. Thread-safe.
/// </summary>
public sealed class PolicyRegistry : IHostedService, IDisposable
{
    /// <summary>Alias of the policy that Best-of-N samples from.</summary>
    public const string AnchorAlias = "best-of-n";

    /// <summary>Alias of the policy that answers alone.</summary>
    public const string DistilledAlias = "distilled";

    /// <summary>Alias of whatever the server thinks best; the anchor, as long as no experiment says otherwise.</summary>
    public const string AutoAlias = "auto";

    private readonly ModelStore _store;
    private readonly ModelWatcher _watcher;
    private readonly ModelOptions _models;
    private readonly FrozenDictionary<string, PolicyVersions> _policies;

    public PolicyRegistry(
        ModelStore store, ModelWatcher watcher, IOptions<ModelOptions> models, IOptions<OnnxOptions> onnx, IOptions<InferenceOptions> inference)
        : this(store, watcher, models.Value, folder => LoadedPolicy.Load(folder, onnx.Value, inference.Value))
    {
    }

    internal PolicyRegistry(ModelStore store, ModelWatcher watcher, ModelOptions models, Func<ModelFolder, LoadedPolicy> load)
    {
        _store = store;
        _watcher = watcher;
        _models = models;
        _policies = new[] { models.Anchor, models.Distilled }
            .Distinct(StringComparer.Ordinal)                   // one name behind both aliases is loaded once
            .ToFrozenDictionary(name => name, _ => new PolicyVersions(models, load), StringComparer.Ordinal);
    }

    /// <summary>True once every configured policy is loaded and warmed, and while its engine works.</summary>
    public bool Ready => _policies.Keys.All(name => CurrentOf(name) is { Engine.Healthy: true });

    /// <summary>
    /// Why a configured policy that is not there could not be loaded. Null when all are there, and while they are still loading.
    /// </summary>
    public string? LoadError
    {
        get
        {
            var reasons = _policies
                .Where(policy => !policy.Value.HasValue)
                .SelectMany(policy => _watcher.Rejected(policy.Key))
                .Select(rejected => rejected.Reason);
            var text = string.Join(" ", reasons);
            return text.Length > 0 ? text : null;
        }
    }

    /// <summary>Hands the policies to the watcher, which loads them in the background.</summary>
    /// <exception cref="ModelException">A configured policy has no version at all, so waiting for it would be pointless.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var name in _policies.Keys)
        {
            if (_store.Latest(name) is null)
            {
                throw Missing(name);
            }
        }

        foreach (var (name, versions) in _policies)
        {
            _watcher.Watch(name, versions.Holder);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Leases a policy by what a request calls "model": an alias ("best-of-n" and "auto" = the anchor, "distilled" = the distilled policy), a name, or
    /// "name@version" when that version is in memory: the current one, the candidate or the one before. Null when unknown, or not loaded yet (see
    /// <see cref="Ready"/>).
    /// </summary>
    public Lease<LoadedPolicy>? Acquire(string model)
    {
        var at = model.IndexOf('@', StringComparison.Ordinal);
        var policy = _policies.GetValueOrDefault(at < 0 ? NameOf(model) : model[..at]);
        return at < 0 ? policy?.TryAcquire() : policy?.TryAcquire(model);
    }

    /// <summary>
    /// The version that is loaded to be compared with the current one of a name or alias; null when there is none. Lease it by its id to use it.
    /// </summary>
    public ModelFolder? Candidate(string model) => _policies.GetValueOrDefault(NameOf(model))?.Candidate?.Folder;

    /// <summary>What the decisions about a name or alias come to, as followed by this process.</summary>
    public Deployment Deployment(string model) => _watcher.Deployment(NameOf(model));

    /// <summary>Whether the version that a name or alias means now has passed the gate or an operator's judgement.</summary>
    public bool IsPromoted(string model) =>
        _policies.GetValueOrDefault(NameOf(model))?.Current?.Folder is { } current && Deployment(model).Promoted == current.Number;

    /// <summary>Current policies. Not leased: only their immutable parts (id, folder, config) and the engine's statistics may be used.</summary>
    public IReadOnlyList<LoadedPolicy> Current() => [.. _policies.Keys.Select(CurrentOf).OfType<LoadedPolicy>()];

    /// <summary>Every policy in memory that works, of each name the current one first. Not leased, as above.</summary>
    public IReadOnlyList<LoadedPolicy> Loaded() => [.. _policies.Values.SelectMany(policy => policy.All)];

    /// <summary>Every name that a request may use now, aliases first, for /v1/models.</summary>
    public IReadOnlyList<ServedModel> Served()
    {
        var served = new List<ServedModel>();
        Add(AnchorAlias, CurrentOf(_models.Anchor));
        Add(DistilledAlias, CurrentOf(_models.Distilled));
        Add(AutoAlias, CurrentOf(_models.Anchor));
        foreach (var policy in Current())
        {
            Add(policy.Folder.Manifest.Name, policy);
        }

        foreach (var policy in Current().Concat(Loaded()))
        {
            Add(policy.Id, policy);
        }

        return served;

        void Add(string id, LoadedPolicy? policy)
        {
            if (policy is not null && served.TrueForAll(model => model.Id != id))
            {
                served.Add(new ServedModel(id, policy.Folder, policy.Engine.ContextLength));
            }
        }
    }

    public void Dispose()
    {
        foreach (var policy in _policies.Values)
        {
            policy.Dispose();
        }
    }

    private string NameOf(string model) => model switch
    {
        AnchorAlias or AutoAlias => _models.Anchor,
        DistilledAlias => _models.Distilled,
        _ => model,
    };

    private LoadedPolicy? CurrentOf(string name) => _policies[name].Current;

    private ModelException Missing(string name)
    {
        var setting = name == _models.Anchor ? nameof(ModelOptions.Anchor) : nameof(ModelOptions.Distilled);
        var names = _store.Names();
        var found = names.Count == 0 ? "It holds no models" : $"It holds {string.Join(", ", names)}";
        var damaged = string.Concat(_store.Rejected(name).Select(rejected => " " + rejected.Reason));
        return new ModelException(
            $"{ModelOptions.Section}:{nameof(ModelOptions.Root)} = {_store.Root} has no version of \"{name}\", which "
            + $"{ModelOptions.Section}:{setting} asks for. {found}. Set {ModelOptions.Section}:{nameof(ModelOptions.Root)} to the folder of the models "
            + $"(<root>/{name}/1/{ModelFiles.Manifest}), or {ModelOptions.Section}:{setting} to another name.{damaged}");
    }
}
