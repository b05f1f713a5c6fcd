using Parquet;
using Parquet.Schema;
using Serving.EpisodeTools;

namespace Serving.Batch;

/// <summary>
/// A Parquet file with a row per input line: the columns of a Parquet input as they are, or "id", "source", "answer" and "others" (JSON) of any other, and
/// behind them "score_NAME" for every scorer, "total" and "error". Columns of these names in the input make room. Made of the result lines in one go.
/// Stateless.
/// </summary>
internal static class ParquetOutput
{
    private const int RowsPerGroup = 16 << 10;
    private const string Score = "score_";
    private const string Total = "total";
    private const string Error = "error";

    /// <param name="input">Parquet file that was scored.</param>
    /// <param name="lines">Its lines, made by <see cref="PairWork"/>.</param>
    /// <param name="output">File to make.</param>
    /// <param name="scorers">Names of the scores.</param>
    /// <param name="cancellationToken">Stops; a later run begins with the file again.</param>
    public static Task WriteAsync(string input, string lines, string output, IReadOnlyList<string> scorers, CancellationToken cancellationToken) =>
        WriteAsync(lines, output, async (file, results) =>
        {
            await using var source = await ParquetReader.CreateAsync(input, cancellationToken: cancellationToken);
            var fields = source.Schema.Fields.Where(field => field.Name is not (Total or Error) && !scorers.Any(scorer => field.Name == Score + scorer)).ToArray();
            var schema = new ParquetSchema([.. fields, .. ScoreFields(scorers)]);
            var kept = fields.Select(field => field.Name).ToHashSet(StringComparer.Ordinal);
            await using var target = await ParquetWriter.CreateAsync(schema, file, cancellationToken: cancellationToken);
            for (var group = 0; group < source.RowGroupCount; group++)
            {
                using var from = source.OpenRowGroupReader(group);
                using var to = target.CreateRowGroup();
                var copied = 0;
                foreach (var field in source.Schema.DataFields.Where(field => kept.Contains(field.Path.FirstPart!)))
                {
                    using var column = await ParquetColumn.ReadAsync(from, field, cancellationToken);
                    await column.WriteAsync(to, schema.DataFields[copied++], cancellationToken);
                }

                await WriteScoresAsync(to, schema.DataFields[copied..], scorers, Next(results, checked((int)from.RowCount)));
            }
        });

    /// <param name="input">Opens any other input that was scored.</param>
    /// <param name="lines">Its lines, made by <see cref="PairWork"/>.</param>
    /// <param name="output">File to make.</param>
    /// <param name="scorers">Names of the scores.</param>
    /// <param name="cancellationToken">Stops; a later run begins with the file again.</param>
    public static Task WriteAsync(Func<InputLines> input, string lines, string output, IReadOnlyList<string> scorers, CancellationToken cancellationToken) =>
        WriteAsync(lines, output, async (file, results) =>
        {
            using var source = input();
            DataField[] texts = [.. ((string[])["id", "source", "answer", "others"]).Select(name => new DataField<string>(name))];
            var schema = new ParquetSchema([.. texts, .. ScoreFields(scorers)]);
            await using var target = await ParquetWriter.CreateAsync(schema, file, cancellationToken: cancellationToken);
            while (true)
            {
                var pairs = new List<PairLine>(RowsPerGroup);
                while (pairs.Count < RowsPerGroup && source.Read() is { } line)
                {
                    pairs.Add(PairLine.Parse(line));
                }

                if (pairs.Count == 0)
                {
                    break;
                }

                using var to = target.CreateRowGroup();
                await to.WriteAsync(schema.DataFields[0], [.. pairs.Select(pair => pair.IdText)]);
                await to.WriteAsync(schema.DataFields[1], [.. pairs.Select(pair => pair.Fault is null ? pair.Source : null!)]);
                await to.WriteAsync(schema.DataFields[2], [.. pairs.Select(pair => pair.Fault is null ? pair.Answer : null!)]);
                await to.WriteAsync(schema.DataFields[3], [.. pairs.Select(pair => pair.Others!)]);
                await WriteScoresAsync(to, schema.DataFields[texts.Length..], scorers, Next(results, pairs.Count));
            }
        });

    private static Task WriteAsync(string lines, string output, Func<Stream, LineReader, Task> write)
    {
        // The file is written by one call after the other; whoever waits is a command line.
        NewFile.Write(Path.GetFullPath(output), file =>
        {
            using var results = new FileStream(lines, FileMode.Open, FileAccess.Read, FileShare.Read);
            write(file, new LineReader(results, int.MaxValue)).GetAwaiter().GetResult();
            return true;
        });
        return Task.CompletedTask;
    }

    private static DataField[] ScoreFields(IReadOnlyList<string> scorers) =>
        [.. scorers.Select(scorer => new DataField<float?>(Score + scorer)), new DataField<double?>(Total), new DataField<string>(Error)];

    private static ScoredLine[] Next(LineReader results, int rows)
    {
        var next = new ScoredLine[rows];
        for (var row = 0; row < rows; row++)
        {
            next[row] = ScoredLine.Parse((results.Read() ?? throw new BatchException("The result lines end before the input does. Delete them and run again.")).Bytes);
        }

        return next;
    }

    private static async Task WriteScoresAsync(ParquetRowGroupWriter group, DataField[] fields, IReadOnlyList<string> scorers, ScoredLine[] rows)
    {
        for (var i = 0; i < scorers.Count; i++)
        {
            float?[] values = [.. rows.Select(row => row.Scores.TryGetValue(scorers[i], out var value) ? value : (float?)null)];
            await group.WriteAsync<float>(fields[i], values);
        }

        await group.WriteAsync<double>(fields[^2], (double?[])[.. rows.Select(row => row.Total)]);
        await group.WriteAsync(fields[^1], (IReadOnlyCollection<string>)[.. rows.Select(row => row.Error!)]);
    }
}
