using Serving.Models;

namespace Serving.Inference;

/// <summary>
/// The versions of one policy in memory: the current one, perhaps a candidate and the version before. Owns them. Loading is done by one thread at a
/// time; everything else is thread-safe.
/// </summary>
internal sealed class PolicyVersions(ModelOptions options, Func<ModelFolder, LoadedPolicy> load) : IDisposable
{
    private readonly Canary _canary = new(options.MaxCanaryDivergence);
    private readonly Swappable<LoadedPolicy> _held = new();
    private readonly Lock _arranging = new();               // held while roles change, never while a version loads
    private volatile LoadedPolicy? _candidate;

    public bool HasValue => _held.HasValue;

    /// <summary>The current version, or null. Not leased: see <see cref="PolicyRegistry.Current"/>.</summary>
    public LoadedPolicy? Current
    {
        get
        {
            using var lease = _held.TryAcquire();
            return lease?.Value;
        }
    }

    /// <summary>The version that is compared with the current one, or null. Not leased.</summary>
    public LoadedPolicy? Candidate => _candidate;

    /// <summary>Every version in memory that works, the current one first. Not leased.</summary>
    public IReadOnlyList<LoadedPolicy> All => [.. _held.Values.Where(policy => policy.Engine.Healthy)];

    public VersionHolder Holder => new() { Held = Held, Load = Load, Arrange = Arrange };

    public Lease<LoadedPolicy>? TryAcquire() => _held.TryAcquire();

    /// <summary>Leases a version by "name@version", whatever its role.</summary>
    public Lease<LoadedPolicy>? TryAcquire(string id) => _held.TryAcquire(policy => policy.Id == id);

    public void Dispose() => _held.Dispose();

    /// <summary>A version whose engine has failed counts as absent, so that it is loaded afresh.</summary>
    private HeldVersions Held()
    {
        lock (_arranging)
        {
            var (current, candidate) = (Current, _candidate);
            return new HeldVersions(
                current is { Engine.Healthy: true } ? current.Folder : null,
                candidate is { Engine.Healthy: true } ? candidate.Folder : null,
                [.. All.Where(policy => policy != current && policy != candidate).Select(policy => policy.Folder)]);
        }
    }

    /// <summary>Prepares a version, which may fail, and holds it without a role.</summary>
    private SwapResult Load(ModelFolder next, bool compare, CancellationToken cancellationToken)
    {
        if (next.Manifest.Kind != ModelKind.Policy)
        {
            throw new ModelException($"{next.Id} is a {next.Manifest.Kind}, not a {ModelKind.Policy}; name another model in the section {ModelOptions.Section}.");
        }

        if (Current?.Folder is { } current && TokenizerOf(current) != TokenizerOf(next))
        {
            // Episodes, scorers and the trainer compare token ids across the versions of a name.
            throw new ModelException($"{next.Id} has another {ModelFiles.Tokenizer} than {current.Id}; publish it under a new name.");
        }

        if (!MakeRoom())
        {
            return SwapResult.Deferred;
        }

        var loaded = load(next);
        try
        {
            if (!TryCanary(loaded, compare, cancellationToken))
            {
                loaded.Dispose();
                return SwapResult.Busy;
            }
        }
        catch
        {
            loaded.Dispose();
            throw;
        }

        lock (_arranging)
        {
            _held.Hold(Current, [.. _held.Values.Where(policy => policy != Current), loaded]);
        }

        return SwapResult.Loaded;
    }

    /// <summary>False when the version in use could not be compared with, which is not the new one's fault.</summary>
    private bool TryCanary(LoadedPolicy next, bool compare, CancellationToken cancellationToken)
    {
        using var inUse = compare ? _held.TryAcquire() : null;
        try
        {
            _canary.Try(next, inUse?.Value, cancellationToken);
            return true;
        }
        catch (OverloadedException)
        {
            return false;
        }
        catch (Exception) when (inUse is { Value.Engine.Healthy: false })
        {
            return false;
        }
    }

    /// <summary>
    /// Lets go of what is not needed, one version after another, until there is room: of the version before, then of a candidate, which the version to
    /// come supersedes. False while answers that still run on old versions leave none.
    /// </summary>
    private bool MakeRoom()
    {
        lock (_arranging)
        {
            while (_held.Resident >= options.ResidentVersions)
            {
                var current = Current;
                var aside = _held.Values.Where(policy => policy != current).OrderBy(policy => policy == _candidate).ToArray();
                if (aside.Length == 0)
                {
                    return false;
                }

                _candidate = aside[0] == _candidate ? null : _candidate;
                _held.Hold(current, aside[1..]);
            }

            return true;
        }
    }

    private void Arrange(ModelFolder current, ModelFolder? candidate, ModelFolder? kept)
    {
        lock (_arranging)
        {
            // Of two that were loaded from one folder, the one that works.
            var all = All.ToDictionary(policy => policy.Folder);
            if (!all.TryGetValue(current, out var next))
            {
                return;      // its engine has failed this moment: the next look loads it again
            }

            var compared = candidate is null ? null : all.GetValueOrDefault(candidate);
            var before = kept is null ? null : all.GetValueOrDefault(kept);
            _candidate = compared;
            _held.Hold(next, [.. new[] { compared, before }.OfType<LoadedPolicy>()]);
        }
    }

    private static string? TokenizerOf(ModelFolder folder) => folder.Manifest.Files.GetValueOrDefault(ModelFiles.Tokenizer);
}
