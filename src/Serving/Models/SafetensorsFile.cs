using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Serving.Models;

/// <summary>
/// A memory-mapped safetensors file, checked completely when opened: header size, dtypes, shapes against byte ranges, bounds, overlaps.
/// Reading is thread-safe. The mapping lives until disposed.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int LengthPrefix = 8;
    private const long LargestHeader = 100_000_000;

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, IReadOnlyDictionary<string, TensorEntry> tensors)
    {
        Path = path;
        Tensors = tensors;
        _map = map;
        _view = view;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    public string Path { get; }

    /// <summary>Every tensor by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <exception cref="SafetensorsException">The file breaks the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new SafetensorsException($"{path}: no such file.");
        }

        var length = new FileInfo(path).Length;
        if (length < LengthPrefix + 2)
        {
            throw new SafetensorsException($"{path}: {length} bytes are too few for a safetensors header.");
        }

        var map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        MemoryMappedViewAccessor? view = null;
        try
        {
            view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            var headerLength = view.ReadUInt64(0);
            if (headerLength > LargestHeader || LengthPrefix + (long)headerLength > length)
            {
                throw new SafetensorsException($"{path}: the header claims {headerLength} bytes of a file of {length}: it is truncated or not safetensors.");
            }

            var header = new byte[headerLength];
            view.ReadArray(LengthPrefix, header, 0, header.Length);
            var tensors = ReadHeader(path, header, LengthPrefix + (long)headerLength, length);
            return new SafetensorsFile(path, map, view, tensors);
        }
        catch
        {
            view?.Dispose();
            map.Dispose();
            throw;
        }
    }

    /// <exception cref="ModelWeightsException">There is no such tensor.</exception>
    public TensorEntry Find(string name) =>
        Tensors.TryGetValue(name, out var entry) ? entry : throw new ModelWeightsException($"{Path}: tensor \"{name}\" is missing.");

    /// <summary>The tensor of that name, checked against the shape that the config calls for.</summary>
    /// <exception cref="ModelWeightsException">It is missing or has another shape.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape)
    {
        var entry = Find(name);
        if (!shape.SequenceEqual([.. entry.Shape]))
        {
            throw new ModelWeightsException(
                $"{Path}: tensor \"{name}\" has shape [{string.Join(", ", entry.Shape)}], but config.json calls for [{string.Join(", ", shape.ToArray())}].");
        }

        return entry;
    }

    /// <summary>The raw little-endian bytes of a tensor, valid until this file is disposed.</summary>
    public ReadOnlySpan<byte> Bytes(TensorEntry entry) => new(_start + entry.Offset, checked((int)entry.Length));

    /// <summary>The values of a tensor as fp32, row-major.</summary>
    public float[] ReadFloats(string name)
    {
        var entry = Find(name);
        var bytes = Bytes(entry);
        var values = new float[entry.Count];
        switch (entry.DType)
        {
            case "F32":
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);
                break;
            case "F16":
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                System.Numerics.Tensors.TensorPrimitives.ConvertToSingle(halves, values);
                break;
            default:
                var raw = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = BitConverter.UInt32BitsToSingle((uint)raw[i] << 16);      // bfloat16 = upper half of fp32
                }

                break;
        }

        return values;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    private static Dictionary<string, TensorEntry> ReadHeader(string path, byte[] header, long dataStart, long fileLength)
    {
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header);
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    continue;
                }

                if (!tensors.TryAdd(property.Name, ReadEntry(path, property, dataStart, fileLength)))
                {
                    throw new SafetensorsException($"{path}: tensor \"{property.Name}\" is listed twice.");
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or OverflowException)
        {
            throw new SafetensorsException($"{path}: the header is damaged ({e.Message}).");
        }

        TensorEntry? previous = null;
        foreach (var entry in tensors.Values.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Length))
        {
            if (previous is not null && previous.Offset + previous.Length > entry.Offset)
            {
                throw new SafetensorsException($"{path}: tensors \"{previous.Name}\" and \"{entry.Name}\" overlap.");
            }

            previous = entry;
        }

        return tensors;
    }

    private static TensorEntry ReadEntry(string path, JsonProperty property, long dataStart, long fileLength)
    {
        var dtype = property.Value.GetProperty("dtype").GetString() ?? "";
        var width = dtype switch
        {
            "F32" => 4,
            "F16" or "BF16" => 2,
            _ => throw new SafetensorsException($"{path}: tensor \"{property.Name}\" has dtype {dtype}; supported are F32, F16 and BF16."),
        };
        var shape = property.Value.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64()).ToArray();
        var range = property.Value.GetProperty("data_offsets");
        var (begin, end) = (range[0].GetInt64(), range[1].GetInt64());
        if (shape.Any(dimension => dimension < 0))
        {
            throw new SafetensorsException($"{path}: tensor \"{property.Name}\" has a negative dimension.");
        }

        if (begin < 0 || end < begin || dataStart + end > fileLength)
        {
            throw new SafetensorsException(
                $"{path}: tensor \"{property.Name}\" lies at bytes {begin} to {end} of the data, but the file holds {fileLength - dataStart}: it is truncated.");
        }

        var entry = new TensorEntry(property.Name, dtype, shape, dataStart + begin, end - begin);
        if (checked(entry.Count * width) != entry.Length)
        {
            throw new SafetensorsException(
                $"{path}: tensor \"{property.Name}\" of shape [{string.Join(", ", shape)}] needs {entry.Count * width} bytes, but its range holds {entry.Length}.");
        }

        return entry;
    }
}
