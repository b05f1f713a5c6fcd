using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Serving.Models;

/// <summary>One tensor to be written: fp32 values, row-major.</summary>
public sealed record NamedTensor(string Name, IReadOnlyList<long> Shape, ReadOnlyMemory<float> Values);

/// <summary>
/// Writes fp32 safetensors files. Tensors are laid out in the order given without gaps, the header padded to
/// 4096 bytes, so that ONNX Runtime can map neighbouring tensors (q, k, v; gate, up) as one packed initialiser.
/// </summary>
public static class SafetensorsWriter
{
    private const int HeaderAlignment = 4096;

    private const string Metadata = "__metadata__";

    /// <summary>
    /// Writes <paramref name="path"/> under a temporary name, fsyncs it and renames it: an older file that is mapped somewhere is never
    /// touched.
    /// </summary>
    /// <exception cref="ArgumentException">A shape does not fit its values, or a name is used twice.</exception>
    public static void Write(string path, IReadOnlyList<NamedTensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        RefuseBroken(tensors);
        var header = Header(tensors);
        var unfinished = path + ".tmp";
        using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            file.Write(length);
            file.Write(header);
            foreach (var tensor in tensors)
            {
                file.Write(MemoryMarshal.AsBytes(tensor.Values.Span));
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite: true);
    }

    private static void RefuseBroken(IReadOnlyList<NamedTensor> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { Metadata };
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException($"Tensor \"{tensor.Name}\" is given twice, or has a name that the format reserves.", nameof(tensors));
            }

            var count = tensor.Shape.Aggregate((Int128)1, (product, dimension) => product * dimension);
            if (count != tensor.Values.Length || tensor.Shape.Any(dimension => dimension < 0))
            {
                throw new ArgumentException(
                    $"Tensor \"{tensor.Name}\" of shape [{string.Join(", ", tensor.Shape)}] is given {tensor.Values.Length} values.", nameof(tensors));
            }
        }
    }

    private static byte[] Header(IReadOnlyList<NamedTensor> tensors)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject(Metadata);
            json.WriteString("format", "pt");
            json.WriteEndObject();
            var offset = 0L;
            foreach (var tensor in tensors)
            {
                var bytes = tensor.Values.Length * (long)sizeof(float);
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (var dimension in tensor.Shape)
                {
                    json.WriteNumberValue(dimension);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset + bytes);
                json.WriteEndArray();
                json.WriteEndObject();
                offset += bytes;
            }

            json.WriteEndObject();
        }

        var unpadded = (int)buffer.Length + 8;
        var padded = (unpadded + HeaderAlignment - 1) / HeaderAlignment * HeaderAlignment;
        var header = new byte[padded - 8];
        buffer.ToArray().CopyTo(header, 0);
        header.AsSpan((int)buffer.Length).Fill((byte)' ');        // the format pads headers with spaces
        return header;
    }
}
