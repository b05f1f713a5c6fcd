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

    /// <summary>Writes and fsyncs <paramref name="path"/>.</summary>
    public static void Write(string path, IReadOnlyList<NamedTensor> tensors)
    {
        var header = Header(tensors);
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
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

    private static byte[] Header(IReadOnlyList<NamedTensor> tensors)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
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
