using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace Serving.Batch;

/// <summary>
/// The rows of a Parquet file with the columns "source" and "answer" as lines of JSON; lists are left out of them. One row group is in memory at a time.
/// Positions are rows. Not thread-safe.
/// </summary>
internal sealed class ParquetInput : InputLines
{
    private readonly ParquetReader _file;
    private readonly DataField[] _fields;
    private object?[][] _columns = [];
    private int _group;
    private int _row;
    private int _rows;
    private long _read;

    private ParquetInput(ParquetReader file)
    {
        _file = file;
        _fields = [.. file.Schema.DataFields.Where(field => !ParquetColumn.IsNested(field))];
        Lists = [.. file.Schema.DataFields.Where(ParquetColumn.IsNested).Select(field => field.Path.ToString())];
        for (var group = 0; group < file.RowGroupCount; group++)
        {
            using var reader = file.OpenRowGroupReader(group);
            Length += reader.RowCount;
        }
    }

    public override long Position => _read;

    public override long Length { get; }

    /// <summary>Columns that a line cannot hold.</summary>
    public IReadOnlyList<string> Lists { get; }

    /// <exception cref="BatchException">It cannot be read, or lacks a column.</exception>
    public static ParquetInput Open(string path)
    {
        ParquetInput? input = null;
        try
        {
            input = new ParquetInput(ParquetReader.CreateAsync(path).GetAwaiter().GetResult());
            foreach (var name in (string[])["source", "answer"])
            {
                if (!input._fields.Any(field => field.Name == name && (field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>))))
                {
                    throw new BatchException($"{path}: has no text column \"{name}\"; it has {string.Join(", ", input._fields.Select(field => field.Name))}.");
                }
            }

            return input;
        }
        catch (Exception e) when (e is not BatchException)
        {
            input?.Dispose();
            throw new BatchException($"{path}: cannot be read as Parquet ({e.Message}).");
        }
        catch
        {
            input?.Dispose();
            throw;
        }
    }

    public override Line? Read()
    {
        while (_row == _rows)
        {
            if (_group == _file.RowGroupCount)
            {
                return null;
            }

            ReadGroupAsync(_group++).GetAwaiter().GetResult();
        }

        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            for (var i = 0; i < _fields.Length; i++)
            {
                json.WritePropertyName(_fields[i].Name);
                ParquetColumn.Write(json, _columns[i][_row]);
            }

            json.WriteEndObject();
        }

        _row++;
        return Line.Of(++_read, bytes.ToArray());
    }

    public override void Dispose() => _file.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task ReadGroupAsync(int index)
    {
        using var group = _file.OpenRowGroupReader(index);
        (_row, _rows) = (0, checked((int)group.RowCount));
        _columns = new object?[_fields.Length][];
        for (var i = 0; i < _fields.Length; i++)
        {
            using var column = await ParquetColumn.ReadAsync(group, _fields[i], CancellationToken.None);
            _columns[i] = column.Cells(_rows);
        }
    }
}
