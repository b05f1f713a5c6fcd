using System.IO.Compression;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>Checks one record against features.json: fields, kinds, numbers of values, encoded tensors, flags of the steps. Not thread-safe.</summary>
internal sealed class RecordRules
{
    private const long MostInflatedBytes = 256 << 20;

    private readonly FeatureColumn[] _columns;
    private readonly HashSet<string> _known;
    private readonly byte[] _scratch = new byte[64 << 10];

    public RecordRules(FeatureNode features)
    {
        _columns = [.. FeatureColumn.All(features)];
        _known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var column in _columns)
        {
            _known.Add(column.ValueKey);
            _known.Add(column.Path + "/shape");
            for (var level = 0; level < column.Levels - 1; level++)
            {
                _known.Add(column.RowLengthsKey(level));
            }
        }
    }

    /// <summary>The number of steps; 0 when it cannot be told.</summary>
    public long Check(TfExample record, string place, VerifyReport report)
    {
        long? steps = null;
        var source = "";
        foreach (var column in _columns)
        {
            if (Items(column, record, place, report) is not { } items || !column.InSteps)
            {
                continue;
            }

            if (steps is { } expected && items != expected)
            {
                report.Fault(place, $"rule 10: field '{column.Path}' has {items} steps, '{source}' has {expected}");
            }
            else
            {
                (steps, source) = (items, column.Path);
            }
        }

        foreach (var key in record.Features.Keys.Where(key => !_known.Contains(key)))
        {
            report.NoteOnce(place, $"field '{key}' is not in features.json; readers ignore it");
        }

        Flags(record, place, report);
        return steps ?? 0;
    }

    /// <summary>How many outermost items a column has (steps, or 1 for an episode's field); null when that cannot be told.</summary>
    private long? Items(FeatureColumn column, TfExample record, string place, VerifyReport report)
    {
        if (Feature(record, column.ValueKey, column.ValueKind, column.Node.Optional, place, report) is not { } values)
        {
            return null;
        }

        Values(column, values, place, report);
        var count = (long)values.Count;
        var size = column.ValuesPerItem;
        if (size != 1)
        {
            if (size < 0)
            {
                return null;
            }

            if (size == 0 ? count != 0 : count % size != 0)
            {
                report.Fault(place, $"field '{column.ValueKey}': {count} values are no whole number of items of {size}");
                return null;
            }

            count = size == 0 ? 0 : count / size;
        }

        if (column.Ragged)
        {
            return Rows(column, record, count, place, report);
        }

        if (column.Levels == 0 && count != 1)
        {
            report.Fault(place, $"field '{column.Path}': {count} items where one belongs");
        }

        return size == 0 ? null : count;
    }

    /// <summary>The lengths of every level must add up to the items of the next one.</summary>
    private static long? Rows(FeatureColumn column, TfExample record, long items, string place, VerifyReport report)
    {
        for (var level = column.Levels - 2; level >= 0; level--)
        {
            var key = column.RowLengthsKey(level);
            if (Feature(record, key, TfKind.Int64, column.Node.Optional, place, report) is not { } lengths)
            {
                return null;
            }

            Int128 sum = 0;
            foreach (var length in lengths.Int64s)
            {
                if (length < 0)
                {
                    report.Fault(place, $"field '{key}': the length {length}");
                    return null;
                }

                sum += length;
            }

            if (sum != items)
            {
                report.Fault(place, $"field '{key}': the lengths add up to {sum}, but {items} items are there");
                return null;
            }

            items = lengths.Count;
        }

        return items;
    }

    private static TfFeature? Feature(TfExample record, string key, TfKind kind, bool optional, string place, VerifyReport report)
    {
        if (!record.Features.TryGetValue(key, out var feature))
        {
            if (!optional)
            {
                report.Fault(place, $"field '{key}' is missing");
            }

            return null;
        }

        if (feature.Kind is TfKind.None)
        {
            report.Fault(place, $"rule 7: field '{key}' has no kind, not even of an empty list");
            return null;
        }

        if (feature.Kind != kind)
        {
            report.Fault(place, $"field '{key}' holds values of kind {feature.Kind} where features.json wants {kind}");
            return null;
        }

        return feature;
    }

    private void Values(FeatureColumn column, TfFeature values, string place, VerifyReport report)
    {
        if (column.ValueKind is TfKind.Int64 && Range(column.Node.DType) is var (lowest, highest))
        {
            foreach (var value in values.Int64s)
            {
                if (value < lowest || value > highest)
                {
                    report.Fault(place, $"field '{column.ValueKey}': {value} is no {column.Node.DType}");
                    return;
                }
            }
        }

        if (column.Node.Encoding is TensorEncoding.None || column.ElementBytes == 0)
        {
            return;
        }

        for (var i = 0; i < values.Bytes.Count; i++)
        {
            if (Encoded(column, values.Bytes[i]) is { } fault)
            {
                report.Fault(place, $"field '{column.ValueKey}', item {i}: {fault}");
                return;
            }
        }
    }

    private string? Encoded(FeatureColumn column, ReadOnlyMemory<byte> value)
    {
        long bytes = value.Length;
        if (column.Node.Encoding is TensorEncoding.Zlib)
        {
            try
            {
                bytes = Inflated(value);
            }
            catch (InvalidDataException e)
            {
                return $"no zlib stream ({e.Message})";
            }
        }

        // Of several unknown dimensions the product is in the record, not here.
        var known = column.Node.Shape.Where(d => d >= 0).Aggregate(1L, (product, d) => d > 0 && product > int.MaxValue / d ? int.MaxValue : product * d);
        var exact = column.Node.Shape.All(d => d >= 0);
        var unit = known * column.ElementBytes;
        return exact ? bytes == unit ? null : $"{bytes} bytes where the shape wants {unit}"
            : unit == 0 || bytes % unit == 0 ? null
            : $"{bytes} bytes are no whole number of {unit}";
    }

    /// <summary>Counts without keeping: a stream that unpacks to terabytes costs time only up to a bound, and no memory.</summary>
    private long Inflated(ReadOnlyMemory<byte> value)
    {
        using var inflated = new ZLibStream(new MemoryStream(value.ToArray(), writable: false), CompressionMode.Decompress);
        var total = 0L;
        for (int read; (read = inflated.Read(_scratch)) > 0;)
        {
            total += read;
            if (total > MostInflatedBytes)
            {
                throw new InvalidDataException($"it unpacks to more than {MostInflatedBytes} bytes");
            }
        }

        return total;
    }

    private static (long Lowest, long Highest)? Range(string dtype) => dtype switch
    {
        "bool" => (0, 1),
        "int8" => (sbyte.MinValue, sbyte.MaxValue),
        "uint8" => (0, byte.MaxValue),
        "int16" => (short.MinValue, short.MaxValue),
        "uint16" => (0, ushort.MaxValue),
        "int32" => (int.MinValue, int.MaxValue),
        "uint32" => (0, uint.MaxValue),
        _ => null,
    };

    /// <summary>Real data breaks these, and readers live with it.</summary>
    private static void Flags(TfExample record, string place, VerifyReport report)
    {
        if (record.Features.TryGetValue("steps/is_first", out var first) && first.Int64s.Count > 0
            && (first.Int64s[0] == 0 || first.Int64s.Skip(1).Any(flag => flag != 0)))
        {
            report.NoteOnce(place, "is_first does not mark exactly the first step");
        }

        if (!record.Features.TryGetValue("steps/is_last", out var last) || last.Int64s.Count == 0)
        {
            return;
        }

        if (last.Int64s[^1] == 0 || last.Int64s.SkipLast(1).Any(flag => flag != 0))
        {
            report.NoteOnce(place, "is_last does not mark exactly the last step");
        }

        if (record.Features.TryGetValue("steps/is_terminal", out var terminal) && terminal.Int64s.SkipLast(1).Any(flag => flag != 0))
        {
            report.NoteOnce(place, "is_terminal marks a step before the last one");
        }
    }
}
