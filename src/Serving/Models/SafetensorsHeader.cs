using System.Text.Json;

namespace Serving.Models;

/// <summary>Reads the JSON header of a safetensors file and checks it completely against the file's length.</summary>
internal static class SafetensorsHeader
{
    private const string Metadata = "__metadata__";

    /// <param name="path">For messages and <see cref="TensorEntry.File"/>.</param>
    /// <param name="header">The JSON text.</param>
    /// <param name="dataStart">Where the data begin in the file.</param>
    /// <param name="fileLength">Bytes of the whole file.</param>
    public static Dictionary<string, TensorEntry> Read(string path, byte[] header, long dataStart, long fileLength)
    {
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header);
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name != Metadata && !tensors.TryAdd(property.Name, ReadEntry(path, property, dataStart, fileLength)))
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

        if (!property.Value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String || type.GetString() is not { } dtype)
        {
            throw Error("has no dtype");
        }

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

        // The size of a dtype that we do not know cannot be checked; nobody can ask for such a tensor either.
        return TensorTypes.Width(dtype) is not { } width || Fills(shape, width, end - begin)
            ? new TensorEntry(property.Name, dtype, shape, dataStart + begin, end - begin, Path.GetFileName(path))
            : throw Error($"has shape [{string.Join(", ", shape)}] of {dtype}, which is not the {end - begin} bytes of its range");
    }

    private static bool Fills(long[] shape, int width, long bytes)
    {
        if (shape.Contains(0))
        {
            return bytes == 0;
        }

        var needed = shape.Aggregate((Int128)width, (product, dimension) => product > bytes ? product : product * dimension);
        return needed == bytes;
    }

    private static long[]? Numbers(JsonElement owner, string field)
    {
        if (!owner.TryGetProperty(field, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var numbers = new long[list.GetArrayLength()];
        var i = 0;
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out numbers[i++]))
            {
                return null;
            }
        }

        return numbers;
    }
}
