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
    public static void Read(SafetensorsFile file, IEnumerable<TensorSlice> slices) => Read(slices, (name, view) =>
    {
        file.Find(name, view.shape);
        return file.ReadFloats(name);
    });

    /// <summary>Overwrites every view with the tensor of its name, from one file or from shards.</summary>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than its view.</exception>
    public static void Read(Checkpoint checkpoint, IEnumerable<TensorSlice> slices) => Read(slices, (name, view) =>
    {
        var entry = checkpoint.Find(name, view.shape);
        var values = new float[entry.Count];
        checkpoint.ReadFloats(entry, values);
        return values;
    });

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

    private static void Read(IEnumerable<TensorSlice> slices, Func<string, Tensor, float[]> floats)
    {
        using var quiet = no_grad();
        foreach (var (name, view) in slices)
        {
            using (view)
            {
                using var values = tensor(floats(name, view), view.shape);
                view.copy_(values);
            }
        }
    }
}
