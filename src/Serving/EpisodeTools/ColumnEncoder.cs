using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>Puts the values of one column into the flat lists of an Example: the way back of <see cref="ColumnValues"/>. Not thread-safe.</summary>
internal sealed class ColumnEncoder
{
    private readonly FeatureColumn _column;
    private readonly List<long> _integers = [];
    private readonly List<float> _floats = [];
    private readonly List<byte[]> _bytes = [];
    private readonly List<long> _shapes = [];
    private readonly List<long>[] _lengths;

    private ColumnEncoder(FeatureColumn column)
    {
        _column = column;
        _lengths = [.. Enumerable.Range(0, Math.Max(0, column.Levels - 1)).Select(_ => new List<long>())];
    }

    /// <summary>Adds the column's keys to a record.</summary>
    /// <param name="column">What the values are.</param>
    /// <param name="values">One a step; of a field of the episode, one.</param>
    /// <param name="record">By key, what writes it.</param>
    /// <exception cref="ArgumentException">A value does not fit the column; the message names the field.</exception>
    public static void Add(FeatureColumn column, IEnumerable<RldsValue> values, IDictionary<string, Action<ExampleWriter>> record)
    {
        var encoder = new ColumnEncoder(column);
        foreach (var value in values)
        {
            if (column.InSteps || column.Lists == 0)
            {
                encoder.Visit(value, column.Lists, 0);
                continue;
            }

            foreach (var row in encoder.Rows(value))
            {
                encoder.Visit(row, column.Lists - 1, 0);
            }
        }

        encoder.Write(record);
    }

    private void Visit(RldsValue value, int lists, int level)
    {
        if (lists == 0)
        {
            Item(value);
            return;
        }

        var rows = Rows(value);
        _lengths[level].Add(rows.Count);
        foreach (var row in rows)
        {
            Visit(row, lists - 1, level + 1);
        }
    }

    /// <summary>The items of a list, which may have come as one tensor.</summary>
    private IReadOnlyList<RldsValue> Rows(RldsValue value)
    {
        if (value.Rows is { } rows)
        {
            return rows;
        }

        if (value.Shape.Count == 0)
        {
            throw Fault("a list belongs here, not one value");
        }

        var count = (int)value.Shape[0];
        var per = count == 0 ? 0 : value.Elements.Length / count;
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var part = Array.CreateInstance(value.Elements.GetType().GetElementType()!, per);
            Array.Copy(value.Elements, i * per, part, 0, per);
            return RldsValue.Tensor(value.DType, [.. value.Shape.Skip(1)], part);
        })];
    }

    private void Item(RldsValue value)
    {
        if (value.Rows is not null)
        {
            throw Fault("a list came where one value belongs");
        }

        CheckShape(value);
        if (_column.Node.Encoding is not TensorEncoding.None)
        {
            _shapes.AddRange(value.Shape);
            _bytes.Add(Encoded(value));
            return;
        }

        switch (_column.ValueKind)
        {
            case TfKind.Bytes:
                _bytes.AddRange(value.Elements as byte[][] ?? throw Fault($"texts or bytes belong here, not {value.DType}"));
                break;
            case TfKind.Float:
                _floats.AddRange(value.Elements as float[] ?? throw Fault($"{value.DType} would be narrowed to float32 here; give the tensor an encoding"));
                break;
            default:
                _integers.AddRange(Integers(value));
                break;
        }
    }

    private void CheckShape(RldsValue value)
    {
        var shape = _column.Node.Kind is FeatureKind.Tensor ? _column.Node.Shape : [];
        var fits = shape.Count == value.Shape.Count && shape.Zip(value.Shape).All(d => d.First < 0 || d.First == d.Second)
            && value.Shape.Aggregate(1L, (product, d) => product * d) == value.Elements.Length;
        if (!fits)
        {
            throw Fault($"a value of shape [{string.Join(", ", value.Shape)}] with {value.Elements.Length} elements does not fit [{string.Join(", ", shape)}]");
        }
    }

    private byte[] Encoded(RldsValue value)
    {
        var raw = value.Elements switch
        {
            float[] floats when _column.Node.DType == "float32" => MemoryMarshal.AsBytes(floats.AsSpan()).ToArray(),
            double[] doubles when _column.Node.DType == "float64" => MemoryMarshal.AsBytes(doubles.AsSpan()).ToArray(),
            float[] floats when _column.Node.DType == "float16" => [.. floats.SelectMany(f => BitConverter.GetBytes((Half)f))],
            float[] floats when _column.Node.DType == "bfloat16" => [.. floats.SelectMany(f => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(f) >> 16)))],
            long[] => Raw(Integers(value)),
            _ => throw Fault($"{value.DType} came where {_column.Node.DType} belongs"),
        };
        if (_column.Node.Encoding is TensorEncoding.Bytes)
        {
            return raw;
        }

        using var stream = new MemoryStream();
        using (var zlib = new ZLibStream(stream, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(raw);
        }

        return stream.ToArray();
    }

    private byte[] Raw(long[] integers)
    {
        var size = _column.ElementBytes;
        var raw = new byte[integers.Length * size];
        var eight = new byte[sizeof(long)];
        for (var i = 0; i < integers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(eight, integers[i]);
            eight.AsSpan(0, size).CopyTo(raw.AsSpan(i * size));
        }

        return raw;
    }

    private long[] Integers(RldsValue value)
    {
        var integers = value.Elements as long[] ?? throw Fault($"{value.DType} came where {_column.Node.DType} belongs");
        var (least, most) = _column.Node.DType switch
        {
            "bool" => (0L, 1L),
            "int8" => (sbyte.MinValue, sbyte.MaxValue),
            "uint8" => (0, byte.MaxValue),
            "int16" => (short.MinValue, short.MaxValue),
            "uint16" => (0, ushort.MaxValue),
            "int32" => (int.MinValue, int.MaxValue),
            "uint32" => (0, uint.MaxValue),
            _ => (long.MinValue, long.MaxValue),
        };
        return Array.Find(integers, integer => integer < least || integer > most) is var odd && odd != 0
            ? throw Fault($"{odd} is no {_column.Node.DType}")
            : integers;
    }

    private void Write(IDictionary<string, Action<ExampleWriter>> record)
    {
        for (var level = 0; level < _lengths.Length; level++)
        {
            Numbers(record, _column.RowLengthsKey(level), _lengths[level]);
        }

        if (_column.Shaped)
        {
            Numbers(record, _column.Path + "/shape", _shapes);
        }

        var key = System.Text.Encoding.UTF8.GetBytes(_column.ValueKey);
        record.Add(_column.ValueKey, _column.ValueKind switch
        {
            TfKind.Bytes => writer => writer.ByteStrings(key, _bytes),
            TfKind.Float => writer => writer.Float(key, CollectionsMarshal.AsSpan(_floats)),
            _ => writer => writer.Int64(key, CollectionsMarshal.AsSpan(_integers)),
        });
    }

    private static void Numbers(IDictionary<string, Action<ExampleWriter>> record, string key, List<long> numbers) =>
        record.Add(key, writer => writer.Int64(System.Text.Encoding.UTF8.GetBytes(key), CollectionsMarshal.AsSpan(numbers)));

    private ArgumentException Fault(string what) => new($"Field '{_column.Path}': {what}.");
}
