using Serving.Models;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>One tensor of a file, as a view of the packed parameter that holds it; disposed by whoever enumerates it.</summary>
internal readonly record struct TensorSlice(string Name, Tensor View);

/// <summary>Moves the tensors of a safetensors file into and out of a module's parameters, bit for bit.</summary>
internal static class TensorSlices
{
    /// <summary>Overwrites every view with the tensor of its name.</summary>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than its view.</exception>
    public static void Read(SafetensorsFile file, IEnumerable<TensorSlice> slices)
    {
        using var quiet = no_grad();
        foreach (var (name, view) in slices)
        {
            file.Find(name, view.shape);
            using var values = tensor(file.ReadFloats(name), view.shape);
            view.copy_(values);
            view.Dispose();
        }
    }

    public static void Write(string path, IEnumerable<TensorSlice> slices)
    {
        using var quiet = no_grad();
        var tensors = new List<NamedTensor>();
        foreach (var (name, view) in slices)
        {
            tensors.Add(new NamedTensor(name, view.shape, view.ToFloats()));
            view.Dispose();
        }

        SafetensorsWriter.Write(path, tensors);
    }
}
