using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// The resident policies by name; each name holds one current version that the watcher may swap. Owns them: a replaced version is disposed when its
/// last lease ends. Thread-safe.
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
    private readonly Func<ModelFolder, LoadedPolicy> _load;
    private readonly FrozenDictionary<string, Swappable<LoadedPolicy>> _policies;

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
        _load = load;
        _policies = new[] { models.Anchor, models.Distilled }
            .Distinct(StringComparer.Ordinal)                   // one name behind both aliases is loaded once
            .ToFrozenDictionary(name => name, _ => new Swappable<LoadedPolicy>(), StringComparer.Ordinal);
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

        foreach (var name in _policies.Keys)
        {
            // A policy whose engine has failed counts as absent: the watcher then loads the newest version afresh.
            _watcher.Watch(
                name, () => CurrentOf(name) is { Engine.Healthy: true } policy ? policy.Folder : null, (folder, _) => Swap(name, folder));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Leases a policy by what a request calls "model": an alias ("best-of-n" and "auto" = the anchor, "distilled" = the distilled policy), a name, or
    /// "name@version" when that version is the current one. Null when unknown, or not loaded yet (see <see cref="Ready"/>).
    /// </summary>
    public Lease<LoadedPolicy>? Acquire(string model)
    {
        var at = model.IndexOf('@', StringComparison.Ordinal);
        var name = at < 0 ? NameOf(model) : model[..at];
        if (!_policies.TryGetValue(name, out var policy) || policy.TryAcquire() is not { } lease)
        {
            return null;
        }

        if (at < 0 || lease.Value.Id == model)
        {
            return lease;
        }

        lease.Dispose();
        return null;
    }

    /// <summary>Current policies. Not leased: only their immutable parts (id, folder, config) and the engine's statistics may be used.</summary>
    public IReadOnlyList<LoadedPolicy> Current() => [.. _policies.Keys.Select(CurrentOf).OfType<LoadedPolicy>()];

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

    private LoadedPolicy? CurrentOf(string name)
    {
        using var lease = _policies[name].TryAcquire();
        return lease?.Value;
    }

    /// <summary>Prepares a version, which may fail, then makes it current, which cannot.</summary>
    private SwapResult Swap(string name, ModelFolder next)
    {
        var policy = _policies[name];
        if (next.Manifest.Kind != ModelKind.Policy)
        {
            throw new ModelException($"{next.Id} is a {next.Manifest.Kind}, not a {ModelKind.Policy}; name another model in the section {ModelOptions.Section}.");
        }

        if (CurrentOf(name)?.Folder is { } current && TokenizerOf(current) != TokenizerOf(next))
        {
            // Episodes, scorers and the trainer compare token ids across the versions of a name.
            throw new ModelException($"{next.Id} has another {ModelFiles.Tokenizer} than {current.Id}; publish it under a new name.");
        }

        if (policy.Resident >= _models.ResidentVersions)
        {
            return SwapResult.Deferred;
        }

        policy.Commit(_load(next));
        return SwapResult.Swapped;
    }

    private static string? TokenizerOf(ModelFolder folder) => folder.Manifest.Files.GetValueOrDefault(ModelFiles.Tokenizer);

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
