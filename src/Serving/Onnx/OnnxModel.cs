using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Serving.Models;

namespace Serving.Onnx;

/// <summary>Owns one ONNX Runtime session made from a graph file. Run is thread-safe; dispose when no run is in flight.</summary>
public sealed class OnnxModel : IDisposable
{
    // ONNX Runtime keeps the domains of all sessions in one table, and two sessions that enter theirs at once can collide.
    private static readonly Lock _domains = new();

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

        using var settings = Settings(options);
        return Create(path, () =>
        {
            Append(settings, options);
            return new InferenceSession(path, settings);
        });
    }

    /// <summary>Makes a session of a graph in memory whose initialisers are given, and whose operators may be managed code.</summary>
    /// <param name="folder">Where the files lie that the graph names.</param>
    /// <param name="graph">The model file's bytes.</param>
    /// <param name="options">Threads.</param>
    /// <param name="operators">Must outlive the session.</param>
    /// <param name="initializers">Values by name; their memory must outlive the session.</param>
    /// <exception cref="ModelException">ONNX Runtime refuses the graph; the message is its own, after the folder.</exception>
    public static OnnxModel Build(
        string folder, byte[] graph, OnnxOptions options, OperatorDomain operators, IReadOnlyDictionary<string, OrtValue> initializers)
    {
        using var settings = Settings(options);
        settings.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder);
        settings.EnableMemoryPattern = false;        // sizes change from step to step, unseen in the inputs
        operators.AddTo(settings);
        foreach (var (name, value) in initializers)
        {
            settings.AddInitializer(name, value);
        }

        lock (_domains)
        {
            return Create(folder, () => new InferenceSession(graph, settings));
        }
    }

    public void Dispose() => Session.Dispose();

    private static SessionOptions Settings(OnnxOptions options)
    {
        var settings = new SessionOptions
        {
            // 0 would let ONNX Runtime pin its workers, and the workers of two sessions would then share cores.
            IntraOpNumThreads = options.ThreadCount,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", options.Spinning ? "1" : "0");
        return settings;
    }

    private static void Append(SessionOptions settings, OnnxOptions options)
    {
        if (options.ExecutionProvider == ExecutionProvider.Cpu)
        {
            return;
        }

        try
        {
            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(new Dictionary<string, string>
            {
                ["device_id"] = options.DeviceId.ToString(CultureInfo.InvariantCulture),
                ["use_tf32"] = "0",
            });
            settings.AppendExecutionProvider_CUDA(cuda);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelException(
                $"Onnx:ExecutionProvider is Cuda, but there is no GPU that can be used ({e.Message}). Build with -p:Accelerator=cuda, install CUDA 13 and cuDNN 9, or set it to Cpu.", e);
        }
    }

    private static OnnxModel Create(string path, Func<InferenceSession> create)
    {
        try
        {
            return new OnnxModel(path, create());
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelException($"{path}: ONNX Runtime cannot load it ({e.Message}). Write the graph again from config.json and the weights.", e);
        }
    }
}
