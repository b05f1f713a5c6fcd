using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Serving.Models;

namespace Serving.Benchmarks;

/// <summary>
/// Publishes versions of a policy that differ a little in turn: even ones have another last norm, so that their answers tell them from odd ones. The first
/// is the original.
/// </summary>
internal sealed class VersionPair(string source, ModelStore store, string name)
{
    private const string Norm = "model.norm.weight";
    private const float Change = 1.05f;

    private readonly byte[] _changed = Changed(Path.Combine(source, ModelFiles.Weights));

    /// <summary>Size of the weights in bytes.</summary>
    public long WeightBytes => _changed.Length;

    public static bool IsChanged(string id) => int.Parse(id[(id.IndexOf('@', StringComparison.Ordinal) + 1)..], null) % 2 == 0;

    /// <summary>The next version.</summary>
    public ModelFolder Publish() => store.Publish(name, ModelKind.Policy, staging =>
    {
        foreach (var file in Directory.GetFiles(source).Where(file => Path.GetFileName(file) is not (ModelFiles.Manifest or "README.md")))
        {
            File.Copy(file, Path.Combine(staging, Path.GetFileName(file)));
        }

        if ((store.Latest(name)?.Number ?? 0) % 2 == 1)
        {
            File.WriteAllBytes(Path.Combine(staging, ModelFiles.Weights), _changed);
        }
    });

    private static byte[] Changed(string weights)
    {
        var bytes = File.ReadAllBytes(weights);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var tensor = JsonNode.Parse(bytes.AsSpan(8, header))![Norm]!;
        if ((string?)tensor["dtype"] != "F32")
        {
            throw new ModelException($"{weights}: {Norm} is {tensor["dtype"]}; this benchmark takes weights in F32.");
        }

        var (from, to) = ((int)tensor["data_offsets"]![0]!, (int)tensor["data_offsets"]![1]!);
        foreach (ref var value in MemoryMarshal.Cast<byte, float>(bytes.AsSpan(8 + header + from, to - from)))
        {
            value *= Change;
        }

        return bytes;
    }
}
