using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>Cuts the flat list of a column back into the values it was made of. Not thread-safe.</summary>
internal sealed class ColumnValues
{
    private const int MostInflatedBytes = 256 << 20;

    private readonly FeatureColumn _column;
    private readonly TfFeature _values;
    private readonly int _perItem;
    private readonly long[][] _starts;
    private readonly IReadOnlyList<long>? _shapes;

    private ColumnValues(FeatureColumn column, TfExample record)
    {
        _column = column;
        _values = Feature(record, column.ValueKey, column.ValueKind);
        _perItem = (int)column.ValuesPerItem;
        _starts = [.. Enumerable.Range(0, Math.Max(0, column.Levels - 1)).Select(level => Starts(Feature(record, column.RowLengthsKey(level), TfKind.Int64).Int64s))];
        _shapes = column.Shaped && !column.Ragged ? Feature(record, column.Path + "/shape", TfKind.Int64).Int64s : null;
    }

    /// <summary>One value a step, or one for the episode.</summary>
    /// <exception cref="InvalidDataException">The lists do not fit the schema or each other.</exception>
    public static IReadOnlyList<RldsValue> Of(FeatureColumn column, TfExample record)
    {
        var values = new ColumnValues(column, record);
        return column.InSteps ? values.Steps() : [values.Whole()];
    }

    private RldsValue[] Steps()
    {
        if (_column.Levels > 1)
        {
            return Rows(0, 0, _starts[0].Length - 1);
        }

        if (_perItem < 0)
        {
            throw Fault("an unknown dimension without an encoding cannot be cut into steps");
        }

        var count = _perItem == 0 ? 0 : _values.Count / _perItem;
        return _perItem == 0 || _values.Count % _perItem != 0
            ? throw Fault($"{_values.Count} values are no whole number of {_perItem}")
            : [.. Enumerable.Range(0, count).Select(Item)];
    }

    private RldsValue Whole() => _column.Levels switch
    {
        0 when _perItem < 0 => Flat(0, _values.Count, _column.Node.Shape),
        0 => _values.Count == Math.Max(0, _perItem) ? Item(0) : throw Fault($"{_values.Count} values where {_perItem} belong"),
        1 => List(0, _perItem > 0 ? _values.Count / _perItem : _values.Count),
        _ => RldsValue.Ragged(_column.Node.DType, Rows(0, 0, _starts[0].Length - 1)),
    };

    /// <summary>The items <paramref name="from"/> to <paramref name="from"/> + <paramref name="count"/> of a level, each a list of those of the next.</summary>
    private RldsValue[] Rows(int level, int from, int count)
    {
        var starts = _starts[level];
        if (from + (long)count >= starts.Length)
        {
            throw Fault($"level {level} has {starts.Length - 1} rows, more are asked for");
        }

        var rows = new RldsValue[count];
        for (var i = 0; i < count; i++)
        {
            var (start, length) = ((int)starts[from + i], (int)(starts[from + i + 1] - starts[from + i]));
            rows[i] = level + 1 == _starts.Length ? List(start, length) : RldsValue.Ragged(_column.Node.DType, Rows(level + 1, start, length));
        }

        return rows;
    }

    /// <summary>Where each row begins, and where the last one ends.</summary>
    private long[] Starts(IReadOnlyList<long> lengths)
    {
        var starts = new long[lengths.Count + 1];
        for (var i = 0; i < lengths.Count; i++)
        {
            starts[i + 1] = lengths[i] >= 0 && lengths[i] <= int.MaxValue - starts[i] ? starts[i] + lengths[i] : throw Fault($"a row of length {lengths[i]}");
        }

        return starts;
    }

    /// <summary>Items as one tensor, or as a ragged list when they are encoded, since then each may have a shape of its own.</summary>
    private RldsValue List(int from, int count)
    {
        if (_column.Node.Encoding is not TensorEncoding.None)
        {
            Check(from, count);
            return RldsValue.Ragged(_column.Node.DType, [.. Enumerable.Range(from, count).Select(Item)]);
        }

        var per = Math.Max(0, _perItem);
        return Flat((long)from * per, (long)count * per, [count, .. Inner]);
    }

    /// <summary>Bytes of a picture are one value, whatever shape it has once it is decoded.</summary>
    private IReadOnlyList<long> Inner => _column.Node.Kind is FeatureKind.Tensor ? _column.Node.Shape : [];

    private RldsValue Item(int index)
    {
        if (_column.Node.Encoding is TensorEncoding.None)
        {
            return Flat((long)index * _perItem, _perItem, Inner);
        }

        Check(index, 1);
        var raw = _column.Node.Encoding is TensorEncoding.Zlib ? Inflate(_values.Bytes[index]) : _values.Bytes[index];
        var elements = Elements(raw.Span);
        var rank = _column.Node.Shape.Count;
        return RldsValue.Tensor(
            _column.Node.DType,
            _shapes is { } shapes && shapes.Count >= (index + 1) * rank ? [.. shapes.Skip(index * rank).Take(rank)] : Resolve(_column.Node.Shape, elements.Length),
            elements);
    }

    private RldsValue Flat(long from, long count, IReadOnlyList<long> shape)
    {
        Check(from, count);
        var (start, length) = ((int)from, (int)count);
        Array elements = _column.ValueKind switch
        {
            TfKind.Bytes => _values.Bytes.Skip(start).Take(length).Select(value => value.ToArray()).ToArray(),
            TfKind.Float => Slice(_values.Floats, start, length),
            _ => Slice(_values.Int64s, start, length),
        };
        return RldsValue.Tensor(_column.ValueKind is TfKind.Bytes ? "string" : _column.Node.DType, Resolve(shape, length), elements);
    }

    private static T[] Slice<T>(IReadOnlyList<T> values, int start, int count)
    {
        var slice = new T[count];
        for (var i = 0; i < count; i++)
        {
            slice[i] = values[start + i];
        }

        return slice;
    }

    private Array Elements(ReadOnlySpan<byte> raw)
    {
        var size = _column.ElementBytes;
        if (size == 0 || raw.Length % size != 0)
        {
            throw Fault($"{raw.Length} bytes are no whole number of {_column.Node.DType} elements");
        }

        if (_column.Node.DType is "float32")
        {
            return MemoryMarshal.Cast<byte, float>(raw).ToArray();
        }

        if (_column.Node.DType is "float64")
        {
            return MemoryMarshal.Cast<byte, double>(raw).ToArray();
        }

        if (_column.Node.DType is "float16" or "bfloat16")
        {
            var floats = new float[raw.Length / size];
            for (var i = 0; i < floats.Length; i++)
            {
                var bits = BinaryPrimitives.ReadUInt16LittleEndian(raw[(2 * i)..]);
                floats[i] = _column.Node.DType is "float16" ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
            }

            return floats;
        }

        var integers = new long[raw.Length / size];
        for (var i = 0; i < integers.Length; i++)
        {
            integers[i] = Integer(raw.Slice(i * size, size));
        }

        return integers;
    }

    private long Integer(ReadOnlySpan<byte> raw) => _column.Node.DType switch
    {
        "int8" => (sbyte)raw[0],
        "bool" or "uint8" => raw[0],
        "int16" => BinaryPrimitives.ReadInt16LittleEndian(raw),
        "uint16" => BinaryPrimitives.ReadUInt16LittleEndian(raw),
        "int32" => BinaryPrimitives.ReadInt32LittleEndian(raw),
        "uint32" => BinaryPrimitives.ReadUInt32LittleEndian(raw),
        _ => BinaryPrimitives.ReadInt64LittleEndian(raw),
    };

    private ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> stream)
    {
        using var raw = new MemoryStream();
        using var inflated = new ZLibStream(new MemoryStream(stream.ToArray(), writable: false), CompressionMode.Decompress);
        var piece = new byte[16 << 10];
        for (int read; (read = inflated.Read(piece)) > 0;)
        {
            raw.Write(piece, 0, read);
            if (raw.Length > MostInflatedBytes)
            {
                throw Fault($"it unpacks to more than {MostInflatedBytes} bytes");
            }
        }

        return raw.ToArray();
    }

    /// <summary>Puts the one unknown dimension in.</summary>
    private long[] Resolve(IReadOnlyList<long> shape, long elements)
    {
        if (shape.All(d => d >= 0))
        {
            return [.. shape];
        }

        var known = shape.Where(d => d >= 0).Aggregate(1L, (product, d) => Math.Min(int.MaxValue, product * Math.Min(int.MaxValue, d)));
        return known == 0 || elements % known != 0 || shape.Count(d => d < 0) > 1
            ? throw Fault($"{elements} elements do not fit the shape [{string.Join(", ", shape)}]")
            : [.. shape.Select(d => d < 0 ? elements / known : d)];
    }

    private void Check(long from, long count)
    {
        if (from + count > _values.Count)
        {
            throw Fault($"{_values.Count} values are there, {from + count} are asked for");
        }
    }

    private static TfFeature Feature(TfExample record, string key, TfKind kind) => record.Features.TryGetValue(key, out var feature)
        ? feature.Kind == kind || feature.Count == 0 ? feature : throw new InvalidDataException($"field '{key}' holds {feature.Kind} where {kind} belongs")
        : throw new InvalidDataException($"field '{key}' is missing");

    private InvalidDataException Fault(string what) => new($"field '{_column.ValueKey}': {what}");
}
