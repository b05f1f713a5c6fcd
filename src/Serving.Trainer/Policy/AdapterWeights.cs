using Serving.Models;

namespace Serving.Trainer.Policy;

/// <summary>The state of LoRA training in a file of its own, for checkpoints of a run: A and B of every adapter. What is published is merged.</summary>
internal static class AdapterWeights
{
    public static void Write(PolicyModule module, string path) => TensorSlices.Write(path, Slices(module));

    /// <exception cref="ModelWeightsException">The file holds adapters of another rank, or none.</exception>
    public static void Read(SafetensorsFile file, PolicyModule module) => TensorSlices.Read(file, Slices(module));

    private static IEnumerable<TensorSlice> Slices(PolicyModule module) =>
        module.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => new TensorSlice(pair.name, pair.parameter.alias()));
}
