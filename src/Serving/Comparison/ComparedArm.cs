using Serving.Inference;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Comparison;

/// <summary>An arm of an offline comparison with its policy, loaded. Owns it.</summary>
internal sealed class ComparedArm : IDisposable
{
    private const string BestOfN = PolicyRegistry.AnchorAlias;

    private readonly Swappable<LoadedPolicy> _policy;

    private ComparedArm(LoadedPolicy policy, int? candidates)
    {
        _policy = new Swappable<LoadedPolicy>(policy);
        Candidates = candidates;
        Name = candidates is { } n ? $"best-of-{n}:{policy.Id}" : policy.Id;
    }

    /// <summary>"best-of-16:anchor@1" or "student@2".</summary>
    public string Name { get; }

    /// <summary>N of Best-of-N; null = one sample.</summary>
    public int? Candidates { get; }

    /// <param name="arm">As in <see cref="CompareSettings.A"/>.</param>
    /// <param name="candidates">N of Best-of-N.</param>
    /// <param name="store">The registry.</param>
    /// <param name="models">Which names the aliases stand for.</param>
    /// <param name="onnx">Threads.</param>
    /// <param name="inference">Precision and limits.</param>
    /// <exception cref="ModelException">There is no such version, or it does not load.</exception>
    public static ComparedArm Load(string arm, int candidates, ModelStore store, ModelOptions models, OnnxOptions onnx, InferenceOptions inference)
    {
        var isBestOfN = arm == BestOfN || arm.StartsWith(BestOfN + ":", StringComparison.Ordinal);
        var id = arm switch
        {
            BestOfN => models.Anchor,
            PolicyRegistry.DistilledAlias => models.Distilled,
            _ => isBestOfN ? arm[(BestOfN.Length + 1)..] : arm,
        };
        var folder = store.Find(id);
        ModelStore.Verify(folder);
        return new ComparedArm(LoadedPolicy.Load(folder, onnx, inference), isBestOfN ? candidates : null);
    }

    public Lease<LoadedPolicy> Acquire() => _policy.Acquire();

    public void Dispose() => _policy.Dispose();
}
