using Serving.Inference;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Import;

/// <summary>A folder whose weights lie within, or beside, a model.onnx that somebody else's exporter has written.</summary>
internal static class ExportedGraph
{
    /// <summary>Whether the folder has such a graph and no safetensors that our own could be written over.</summary>
    public static bool Matches(string folder) =>
        File.Exists(Path.Combine(folder, ModelFiles.Graph)) && !Checkpoint.Exists(folder);

    /// <summary>The graph, and its external data under the names that exporters give them.</summary>
    public static IReadOnlyList<string> Files(string folder) =>
    [
        ModelFiles.Graph,
        .. Directory.EnumerateFiles(folder)
            .Select(path => Path.GetFileName(path))
            .Where(name => name.StartsWith(ModelFiles.Graph + "_data", StringComparison.Ordinal) || name == ModelFiles.Graph + ".data")
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Loads it once, with as little memory as can be.</summary>
    /// <exception cref="ModelException">It cannot be loaded, or is not a graph of the config beside it.</exception>
    public static void Check(string folder, bool scorer)
    {
        var onnx = new OnnxOptions { Threads = 1 };
        if (scorer)
        {
            OnnxModel.Load(Path.Combine(folder, ModelFiles.Graph), onnx).Dispose();
        }
        else
        {
            OptimumDecoder.Load(folder, onnx, new InferenceOptions { Slots = 1, PrefillChunk = 16, ContextLength = 16 }).Dispose();
        }
    }
}
