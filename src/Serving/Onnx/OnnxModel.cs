using Microsoft.ML.OnnxRuntime;
using Serving.Models;

namespace Serving.Onnx;

/// <summary>Owns one ONNX Runtime session made from a graph file. Run is thread-safe; dispose when no run is in flight.</summary>
public sealed class OnnxModel : IDisposable
{
    private OnnxModel(string path, InferenceSession session)
    {
        Path = path;
        Session = session;
    }

    /// <summary>The graph file.</summary>
    public string Path { get; }

    public InferenceSession Session { get; }

    /// <summary>Loads a graph; initialisers that point into model.safetensors are mapped from beside it.</summary>
    /// <exception cref="ModelException">The graph or its weights cannot be read; the message is ONNX Runtime's, after the path.</exception>
    public static OnnxModel Load(string path, OnnxOptions options)
    {
        if (!File.Exists(path))
        {
            throw new ModelException($"{path}: no such file.");
        }

        using var settings = new SessionOptions
        {
            // 0 would let ONNX Runtime pin its workers, and the workers of two sessions would then share cores.
            IntraOpNumThreads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", options.Spinning ? "1" : "0");
        try
        {
            return new OnnxModel(path, new InferenceSession(path, settings));
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelException($"{path}: ONNX Runtime cannot load it ({e.Message}). Write the graph again from config.json and the weights.", e);
        }
    }

    public void Dispose() => Session.Dispose();
}
