using Serving.Models;

namespace Serving.Inference;

/// <summary>The resident policies by name; each name holds one current version that the watcher may swap. Thread-safe.</summary>
public sealed class PolicyRegistry : IDisposable
{
    /// <summary>True once every configured policy is loaded and warmed.</summary>
    public bool Ready => throw new NotImplementedException();

    /// <summary>
    /// Leases a policy by what a request calls "model": an alias ("best-of-n" = the anchor, "distilled" = the distilled policy), a name, or
    /// "name@version" when that version is the current one. Null when unknown.
    /// </summary>
    public Lease<LoadedPolicy>? Acquire(string model) => throw new NotImplementedException();

    /// <summary>Current policies, for /v1/models.</summary>
    public IReadOnlyList<LoadedPolicy> Current() => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
