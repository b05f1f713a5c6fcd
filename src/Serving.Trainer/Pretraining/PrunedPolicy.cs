using Serving.Models;
using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.Pretraining;

/// <summary>A start for a smaller policy: some layers of a trained one, with its embeddings and norms (as DistilBERT does, Sanh et al. 2019).</summary>
internal static class PrunedPolicy
{
    /// <summary>Reads a folder's policy and keeps the given layers, in their order.</summary>
    /// <exception cref="ModelException">The folder cannot be read, or has no such layer.</exception>
    public static PolicyModule Of(string folder, IReadOnlyList<int> layers)
    {
        using var whole = PolicyWeights.Load(folder);
        if (layers.Any(layer => layer < 0 || layer >= whole.Config.Layers) || layers.Distinct().Count() != layers.Count)
        {
            throw new ModelException($"{folder}: has layers 0 to {whole.Config.Layers - 1}, so layers {string.Join(", ", layers)} cannot be kept.");
        }

        if (layers.Count == 0)
        {
            layers = [.. Enumerable.Range(0, whole.Config.Layers)];
        }

        var pruned = new PolicyModule(whole.Config with { Layers = layers.Count });
        using var quiet = no_grad();
        pruned.Embedding.copy_(whole.Embedding);
        pruned.Norm.copy_(whole.Norm);
        pruned.Head?.copy_(whole.Head!);
        for (var i = 0; i < layers.Count; i++)
        {
            foreach (var (kept, original) in pruned.Layers[i].parameters().Zip(whole.Layers[layers[i]].parameters()))
            {
                kept.copy_(original);
            }
        }

        return pruned;
    }
}
