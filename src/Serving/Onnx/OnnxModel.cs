using Microsoft.ML.OnnxRuntime;

namespace Serving.Onnx;

/// <summary>Owns one ONNX Runtime session made from a graph file. Run is thread-safe; dispose when no run is in flight.</summary>
public sealed class OnnxModel : IDisposable
{
    /// <summary>Loads a graph; initialisers that point into model.safetensors are mapped from beside it.</summary>
    public static OnnxModel Load(string path, OnnxOptions options) => throw new NotImplementedException();

    public InferenceSession Session => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
