using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Serving.Models;

/// <summary>
/// A memory-mapped safetensors file, checked completely when opened: header size, dtypes, shapes against byte ranges, bounds, overlaps, gaps.
/// Reading is thread-safe; the mapping lives until disposed, and nothing may be read after that. The format: docs/formats.md.
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

        try
        {
            return Map(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{path}: cannot be read ({e.Message}).");
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
    /// <exception cref="SafetensorsException">The tensor is larger than one span can be.</exception>
    public ReadOnlySpan<byte> Bytes(TensorEntry entry)
    {
        ObjectDisposedException.ThrowIf(_view.SafeMemoryMappedViewHandle.IsClosed, this);
        return entry.Length <= int.MaxValue
            ? new ReadOnlySpan<byte>(_start + entry.Offset, (int)entry.Length)
            : throw new SafetensorsException($"{Path}: tensor \"{entry.Name}\" has {entry.Length} bytes; more than {int.MaxValue} in one tensor is not supported.");
    }

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
        if (_view.SafeMemoryMappedViewHandle.IsClosed)
        {
            return;
        }

        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    private static SafetensorsFile Map(string path)
    {
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
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SafetensorsException($"{path}: the header is damaged ({e.Message}).");
        }

        RefuseOverlapsAndGaps(path, tensors.Values, dataStart, fileLength);
        return tensors;
    }

    /// <summary>The format asks that the ranges cover the data exactly, so that no bytes can hide in a file that passes.</summary>
    private static void RefuseOverlapsAndGaps(string path, IEnumerable<TensorEntry> tensors, long dataStart, long fileLength)
    {
        var covered = dataStart;
        var previous = "";
        foreach (var entry in tensors.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Length))
        {
            if (entry.Offset < covered)
            {
                throw new SafetensorsException($"{path}: tensors \"{previous}\" and \"{entry.Name}\" overlap.");
            }

            if (entry.Offset > covered)
            {
                throw new SafetensorsException($"{path}: {entry.Offset - covered} bytes before tensor \"{entry.Name}\" belong to no tensor.");
            }

            covered = entry.Offset + entry.Length;
            previous = entry.Name;
        }

        if (covered != fileLength)
        {
            throw new SafetensorsException($"{path}: the last {fileLength - covered} bytes belong to no tensor.");
        }
    }

    private static TensorEntry ReadEntry(string path, JsonProperty property, long dataStart, long fileLength)
    {
        SafetensorsException Error(string what) => new($"{path}: tensor \"{property.Name}\" {what}.");

        if (property.Value.ValueKind != JsonValueKind.Object)
        {
            throw Error("is not described by an object");
        }

        var dtype = property.Value.TryGetProperty("dtype", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "missing";
        var width = dtype switch
        {
            "F32" => 4,
            "F16" or "BF16" => 2,
            _ => throw Error($"has dtype {dtype}; supported are F32, F16 and BF16"),
        };
        var shape = Numbers(property.Value, "shape") ?? throw Error("has no shape: a list of whole numbers");
        if (shape.Any(dimension => dimension < 0))
        {
            throw Error($"has a negative dimension in its shape [{string.Join(", ", shape)}]");
        }

        if (Numbers(property.Value, "data_offsets") is not [var begin, var end])
        {
            throw Error("has no data_offsets: two whole numbers");
        }

        if (begin < 0 || end < begin)
        {
            throw Error($"has data_offsets {begin} to {end}, which is no range");
        }

        if (end > fileLength - dataStart)
        {
            throw Error($"lies at bytes {begin} to {end} of the data, but the file holds {fileLength - dataStart}: it is truncated");
        }

        var needed = shape.Aggregate((Int128)width, (product, dimension) => product > end ? product : product * dimension);
        return needed == end - begin || (shape.Contains(0) && begin == end)
            ? new TensorEntry(property.Name, dtype, shape, dataStart + begin, end - begin)
            : throw Error($"has shape [{string.Join(", ", shape)}] of {dtype}, which is not the {end - begin} bytes of its range");
    }

    private static long[]? Numbers(JsonElement owner, string field)
    {
        if (!owner.TryGetProperty(field, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var numbers = new long[list.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (list[i].ValueKind != JsonValueKind.Number || !list[i].TryGetInt64(out numbers[i]))
            {
                return null;
            }
        }

        return numbers;
    }
}
