using System.Text.Json.Nodes;
using Parquet;
using Parquet.Schema;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class ParquetFilesTests : IDisposable
{
    private const int Rows = 40;

    private static readonly DataField<long> _id = new("id");
    private static readonly DataField<string> _source = new("source");
    private static readonly DataField<double?> _weight = new("weight");
    private static readonly DataField<string> _answer = new("answer");
    private static readonly DataField<double?> _total = new("total");
    private static readonly ListField _tags = new("tags", new DataField<string>("element"));

    private readonly BatchFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_parquet_file_keeps_its_columns_and_gets_the_scores_that_lines_get()
    {
        await WriteAsync("pairs.parquet", lists: true, rowsPerGroup: 15);
        await _folder.WriteAsync("pairs.jsonl", Enumerable.Range(0, Rows).Select(i =>
            new JsonObject { ["id"] = i, ["source"] = Source(i), ["answer"] = Answer(i) }.ToJsonString()));
        Assert.Equal(1, await _folder.Score("pairs.jsonl", "scores.jsonl"));

        Assert.Equal(1, await _folder.Score("pairs.parquet", "scores.parquet"));

        var lines = await _folder.LinesAsync("scores.jsonl");
        await using var file = await ParquetReader.CreateAsync(_folder.File("scores.parquet"), cancellationToken: Token);
        Assert.Equal(["id", "source", "weight", "answer", "tags", "score_consensus", "score_entailment", "score_reward", "score_style", "total", "error"], file.Schema.Fields.Select(field => field.Name));
        Assert.Equal(3, file.RowGroupCount);
        var row = 0;
        for (var g = 0; g < file.RowGroupCount; g++)
        {
            using var group = file.OpenRowGroupReader(g);
            var count = (int)group.RowCount;
            var (ids, weights, rewards, totals) = (new long[count], new double?[count], new float?[count], new double?[count]);
            var errors = new string?[count];
            await group.ReadAsync<long>(Field("id"), ids, cancellationToken: Token);
            await group.ReadAsync<double>(Field("weight"), weights, cancellationToken: Token);
            await group.ReadAsync<float>(Field("score_reward"), rewards, cancellationToken: Token);
            await group.ReadAsync<double>(Field("total"), totals, cancellationToken: Token);
            await group.ReadAsync(Field("error"), errors.AsMemory(), cancellationToken: Token);
            using var tags = await group.ReadRawColumnDataBaseAsync(file.Schema.DataFields.Single(field => field.Path.FirstPart == "tags"), Token);
            Assert.Equal(Enumerable.Range(row, count).SelectMany(i => Enumerable.Range(0, 1 + (i % 2))), tags.RepetitionLevels.ToArray());
            for (var i = 0; i < count; i++, row++)
            {
                Assert.Equal(row, ids[i]);
                Assert.Equal(row % 3 == 0 ? null : row / 4.0, weights[i]);
                Assert.Equal((float?)lines[row]["scores"]?["reward"], rewards[i]);
                Assert.Equal((double?)lines[row]["total"], totals[i]);
                Assert.Equal((string?)lines[row]["error"]?["message"], errors[i]);
            }
        }

        Assert.Equal(Rows, row);
        Assert.False(File.Exists(_folder.File("scores.parquet.lines")));
        Assert.Equal(8, Assert.Single(await _folder.LinesAsync("scores.parquet.errors"))["line"]!.GetValue<int>());

        DataField Field(string name) => file.Schema.DataFields.Single(field => field.Name == name);
    }

    [Fact]
    public async Task A_run_broken_off_at_any_stage_ends_with_the_same_file_and_a_finished_one_is_left_alone()
    {
        await WriteAsync("pairs.parquet", lists: false);
        Assert.Equal(1, await _folder.Score("pairs.parquet", "whole.parquet"));
        Assert.Equal(1, await _folder.Score("pairs.parquet", "lines.jsonl"));
        var (lines, progress) = (await _folder.BytesAsync("lines.jsonl"), await _folder.BytesAsync("lines.jsonl.progress"));
        foreach (var kept in (int[])[0, lines.Length / 3, lines.Length])
        {
            File.Delete(_folder.File("broken.parquet"));
            await File.WriteAllBytesAsync(_folder.File("broken.parquet.lines"), lines[..kept], Token);
            await File.WriteAllBytesAsync(_folder.File("broken.parquet.progress"), progress, Token);
            await File.WriteAllTextAsync(_folder.File("broken.parquet.tmp"), "half a file", Token);

            Assert.Equal(1, await _folder.Score("pairs.parquet", "broken.parquet"));
            Assert.Equal(await _folder.BytesAsync("whole.parquet"), await _folder.BytesAsync("broken.parquet"));
        }

        var finished = await _folder.BytesAsync("broken.parquet");
        var written = File.GetLastWriteTimeUtc(_folder.File("broken.parquet"));
        Assert.Equal(1, await _folder.Score("pairs.parquet", "broken.parquet"));
        Assert.Equal(written, File.GetLastWriteTimeUtc(_folder.File("broken.parquet")));
        await WriteAsync("pairs.parquet", lists: false, answer: "another one");
        Assert.Equal(2, await _folder.Score("pairs.parquet", "broken.parquet"));
        Assert.Equal(finished, await _folder.BytesAsync("broken.parquet"));
        await File.WriteAllTextAsync(_folder.File("precious.parquet"), "not ours", Token);
        Assert.Equal(2, await _folder.Score("pairs.parquet", "precious.parquet"));
        Assert.Equal("not ours", await File.ReadAllTextAsync(_folder.File("precious.parquet"), Token));
    }

    [Fact]
    public async Task Lines_become_rows_and_rows_become_lines()
    {
        await _folder.WriteAsync("pairs.jsonl", """{"id":"a","source":"s","answer":"b","more":[1]}""", "broken", """{"source":"s","answer":"c"}""");

        Assert.Equal(1, await _folder.Score("pairs.jsonl", "rows.parquet"));
        Assert.Equal(1, await _folder.Score("rows.parquet", "again.jsonl"));

        await using var file = await ParquetReader.CreateAsync(_folder.File("rows.parquet"), cancellationToken: Token);
        using var group = file.OpenRowGroupReader(0);
        var (ids, others) = (new string?[3], new string?[3]);
        await group.ReadAsync(file.Schema.DataFields.Single(field => field.Name == "id"), ids.AsMemory(), cancellationToken: Token);
        await group.ReadAsync(file.Schema.DataFields.Single(field => field.Name == "others"), others.AsMemory(), cancellationToken: Token);
        Assert.Equal(["a", "2", "3"], ids);
        Assert.Equal(["""{"more":[1]}""", null, null], others);
        var again = await _folder.LinesAsync("again.jsonl");
        Assert.Equal(["a", "2", "3"], again.Select(line => (string?)line["id"]));
        Assert.Equal("""{"more":[1]}""", (string?)again[0]["others"]);
        Assert.NotNull(again[0]["total"]);
        Assert.Contains("\"source\" must be a string", (string?)again[1]["error"]!["message"]);
    }

    [Fact]
    public async Task What_does_not_go_into_a_form_is_refused_with_what_does()
    {
        await WriteAsync("lists.parquet", lists: true);
        await _folder.WriteAsync("requests.jsonl", """{"custom_id":"a","method":"POST","url":"/v1/score","body":{}}""");
        await _folder.WriteAsync("pairs.jsonl", """{"source":"s","answer":"b"}""");
        await File.WriteAllTextAsync(_folder.File("odd.parquet"), "no Parquet at all", Token);

        Assert.Equal(2, await _folder.Score("lists.parquet", "x.jsonl"));
        Assert.Equal(2, await _folder.Score("requests.jsonl", "x.parquet"));
        Assert.Equal(2, await _folder.Score("pairs.jsonl", "folder/"));
        Assert.Equal(2, await _folder.Score("odd.parquet", "x.parquet"));
        Assert.Equal(2, await _folder.Score("pairs.jsonl", "x.parquet", "--n", "4"));
    }

    private static string Source(int i) => $"A package for reading {i} compressed archives. It parses {i % 5} dates";

    private static string? Answer(int i) => i == 7 ? null : $"reads {i % 9} archives";

    private async Task WriteAsync(string name, bool lists, int rowsPerGroup = Rows, string? answer = null)
    {
        Field[] fields = lists ? [_id, _source, _weight, _answer, _total, _tags] : [_id, _source, _weight, _answer, _total];
        var schema = new ParquetSchema(fields);
        await using var file = File.Create(_folder.File(name));
        await using var parquet = await ParquetWriter.CreateAsync(schema, file, cancellationToken: Token);
        foreach (var rows in Enumerable.Range(0, Rows).Chunk(rowsPerGroup))
        {
            using var group = parquet.CreateRowGroup();
            await group.WriteAsync<long>(schema.DataFields[0], Array.ConvertAll(rows, i => (long)i), cancellationToken: Token);
            await group.WriteAsync(schema.DataFields[1], Array.ConvertAll(rows, Source));
            await group.WriteAsync<double>(schema.DataFields[2], Array.ConvertAll(rows, i => i % 3 == 0 ? (double?)null : i / 4.0), cancellationToken: Token);
            await group.WriteAsync(schema.DataFields[3], Array.ConvertAll(rows, i => answer ?? Answer(i)!));
            await group.WriteAsync<double>(schema.DataFields[4], Array.ConvertAll(rows, _ => (double?)-1), cancellationToken: Token);
            if (lists)
            {
                string[] tags = [.. rows.SelectMany(i => Enumerable.Repeat($"tag {i}", 1 + (i % 2)))];
                int[] levels = [.. rows.SelectMany(i => Enumerable.Range(0, 1 + (i % 2)))];
                await group.WriteAsync(schema.DataFields[5], tags, levels);
            }
        }
    }
}
