using Serving.Models;

namespace Serving.Onnx;

/// <summary>Writes model.onnx of a policy folder from its config.json and model.safetensors.</summary>
public static class DecoderGraph
{
    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    public static void Write(string folder) => throw new NotImplementedException();
}
