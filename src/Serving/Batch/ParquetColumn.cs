using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Serving.Batch;

/// <summary>One column of one row group, as it lies in the file. Owns its memory. Not thread-safe.</summary>
internal sealed class ParquetColumn : IDisposable
{
    private static readonly MethodInfo _cells = Generic(nameof(CellsOf));
    private static readonly MethodInfo _write = Generic(nameof(WriteAsync));

    private readonly RawColumnData _data;
    private readonly Type _type;

    private ParquetColumn(DataField field, RawColumnData data)
    {
        Field = field;
        _data = data;
        _type = data.GetType().GetGenericArguments()[0];
    }

    public DataField Field { get; }

    /// <summary>A list, or part of one: its rows have no one value.</summary>
    public static bool IsNested(DataField field) => field.MaxRepetitionLevel > 0 || field.Path.Length > 1;

    public static async Task<ParquetColumn> ReadAsync(ParquetRowGroupReader group, DataField field, CancellationToken cancellationToken) =>
        new(field, await group.ReadRawColumnDataBaseAsync(field, cancellationToken));

    /// <summary>A value per row, null where there is none; not for lists.</summary>
    public object?[] Cells(int rows) => (object?[])_cells.MakeGenericMethod(_type).Invoke(null, [_data, Field, rows])!;

    /// <summary>Writes the column as it is.</summary>
    public Task WriteAsync(ParquetRowGroupWriter group, DataField field, CancellationToken cancellationToken) =>
        (Task)_write.MakeGenericMethod(_type).Invoke(null, [_data, Field, group, field, cancellationToken])!;

    public void Dispose() => _data.Dispose();

    /// <summary>The nearest value that JSON has: times in ISO 8601, bytes in base64.</summary>
    public static void Write(Utf8JsonWriter json, object? cell)
    {
        switch (cell)
        {
            case null:
                json.WriteNullValue();
                break;
            case ReadOnlyMemory<char> text:
                json.WriteStringValue(text.Span);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case sbyte or byte or short or ushort or int or uint or long:
                json.WriteNumberValue(Convert.ToInt64(cell, CultureInfo.InvariantCulture));
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case decimal number:
                json.WriteNumberValue(number);
                break;
            case DateTime time:
                json.WriteStringValue(time);
                break;
            case ReadOnlyMemory<byte> bytes:
                json.WriteBase64StringValue(bytes.Span);
                break;
            case byte[] bytes:
                json.WriteBase64StringValue(bytes);
                break;
            default:
                json.WriteStringValue(Convert.ToString(cell, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static object?[] CellsOf<T>(RawColumnData<T> data, DataField field, int rows)
        where T : struct
    {
        var values = data.Values;
        var cells = new object?[rows];
        if (field.MaxDefinitionLevel == 0)
        {
            for (var row = 0; row < rows; row++)
            {
                cells[row] = values[row];
            }

            return cells;
        }

        var levels = data.DefinitionLevels;
        var next = 0;
        for (var row = 0; row < rows; row++)
        {
            cells[row] = levels[row] == field.MaxDefinitionLevel ? values[next++] : null;
        }

        return cells;
    }

    private static async Task WriteAsync<T>(RawColumnData<T> data, DataField from, ParquetRowGroupWriter group, DataField to, CancellationToken cancellationToken)
        where T : struct
    {
        // The library's buffer has room for a value a row; behind those that are there lies whatever was in memory before.
        var present = from.MaxDefinitionLevel == 0 ? data.Values.Length : data.DefinitionLevels.Count(from.MaxDefinitionLevel);
        ReadOnlyMemory<T> values = data.Values[..present].ToArray();
        await group.WriteAllPartsAsync(
            to,
            values,
            from.MaxDefinitionLevel > 0 ? Memory(data.DefinitionLevels) : null,
            from.MaxRepetitionLevel > 0 ? Memory(data.RepetitionLevels) : null,
            cancellationToken);
    }

    // Not an array: a missing one would count as an empty list, which says that there are no rows.
    private static ReadOnlyMemory<int>? Memory(ReadOnlySpan<int> levels) => new ReadOnlyMemory<int>(levels.ToArray());

    private static MethodInfo Generic(string name) =>
        typeof(ParquetColumn).GetMethods(BindingFlags.NonPublic | BindingFlags.Static).Single(method => method.Name == name && method.IsGenericMethodDefinition);
}
