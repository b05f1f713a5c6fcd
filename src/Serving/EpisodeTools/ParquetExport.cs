using System.Text;
using System.Text.Json;
using Parquet;
using Parquet.Schema;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// A Parquet file, a row per candidate; one nullable column "score_NAME" for every scorer of the log. Lists of tokens are JSON texts, which every
/// reader of Parquet takes. Reads the log twice, since the columns come first. Stateless.
/// </summary>
internal static class ParquetExport
{
    private const int RowsPerGroup = 16 << 10;
    private const int MostScorers = 200;

    public static (long Written, string What, string Skipped) Write(Func<IEnumerable<Episode>> episodes, string path)
    {
        var scorers = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var (name, _) in episodes().SelectMany(episode => episode.Candidates[0].Scores))
        {
            if (scorers.Add(name) && scorers.Count > MostScorers)
            {
                throw new EpisodeToolException($"The log has more than {MostScorers} scorers, too many for columns of their own. Export it as jsonl.");
            }
        }

        return NewFile.Write(path, file => (WriteAsync(episodes(), [.. scorers], file).GetAwaiter().GetResult(), "candidates", ""));
    }

    private static async Task<long> WriteAsync(IEnumerable<Episode> episodes, string[] scorers, Stream file)
    {
        Column[] columns =
        [
            Column.Text("episode_id", (e, _) => e.Id),
            Column.Number("candidate", (_, i) => i),
            Column.Flag("chosen", (e, i) => e.Chosen == i),
            Column.Number("created_unix_ns", (e, _) => (e.Created.UtcTicks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick),
            Column.Text("policy", (e, _) => e.Policy),
            Column.Text("policy_digest", (e, _) => e.PolicyDigest),
            Column.Text("scorecard", (e, _) => e.Scorecard),
            Column.Text("scorecard_digest", (e, _) => e.ScorecardDigest),
            Column.Text("experiment", (e, _) => e.Experiment),
            Column.Flag("invalid", (e, _) => e.Invalid),
            Column.Flag("independent", (e, _) => e.Independent),
            Column.Text("source", (e, _) => e.Source),
            Column.Text("prompt", (e, _) => e.Prompt),
            Column.Text("text", (e, i) => e.Candidates[i].Text),
            Column.Flag("finished", (e, i) => e.Candidates[i].Finished),
            Column.Real("total", (e, i) => e.Candidates[i].Total),
            Column.Text("tokens", (e, i) => Json(json => JsonLines.Numbers(json, "x", e.Candidates[i].Tokens))),
            Column.Text("logprobs", (e, i) => Json(json => JsonLines.Numbers(json, "x", e.Candidates[i].LogProbs))),
            Column.Text("sampled_logprobs", (e, i) => Json(json => JsonLines.Numbers(json, "x", e.Candidates[i].SampledLogProbs))),
            .. scorers.Select(name => Column.Score(name)),
        ];
        var written = 0L;
        await using var parquet = await ParquetWriter.CreateAsync(new ParquetSchema(columns.Select(column => column.Field).ToArray<Field>()), file);
        foreach (var rows in episodes.SelectMany(episode => Enumerable.Range(0, episode.Candidates.Count).Select(i => (episode, i))).Chunk(RowsPerGroup))
        {
            using var group = parquet.CreateRowGroup();
            foreach (var column in columns)
            {
                await column.Write(group, rows);
            }

            written += rows.Length;
        }

        return written;
    }

    /// <summary>The value of the one property that <paramref name="write"/> makes.</summary>
    private static string Json(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, JsonLines.Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        var text = Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        return text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..^1];
    }

    private sealed record Column(DataField Field, Func<ParquetRowGroupWriter, (Episode, int)[], Task> Write)
    {
        public static Column Text(string name, Func<Episode, int, string> value)
        {
            var field = new DataField<string>(name);
            return new(field, (group, rows) => group.WriteAsync(field, (IReadOnlyCollection<string>)Array.ConvertAll(rows, row => Whole(value(row.Item1, row.Item2)))));
        }

        public static Column Number(string name, Func<Episode, int, long> value)
        {
            var field = new DataField<long>(name);
            return new(field, (group, rows) => group.WriteAsync<long>(field, Array.ConvertAll(rows, row => value(row.Item1, row.Item2))));
        }

        public static Column Real(string name, Func<Episode, int, double> value)
        {
            var field = new DataField<double>(name);
            return new(field, (group, rows) => group.WriteAsync<double>(field, Array.ConvertAll(rows, row => value(row.Item1, row.Item2))));
        }

        public static Column Flag(string name, Func<Episode, int, bool> value)
        {
            var field = new DataField<bool>(name);
            return new(field, (group, rows) => group.WriteAsync<bool>(field, Array.ConvertAll(rows, row => value(row.Item1, row.Item2))));
        }

        public static Column Score(string scorer)
        {
            var field = new DataField<float?>("score_" + Whole(scorer));
            return new(field, (group, rows) => group.WriteAsync<float>(field, Array.ConvertAll(rows, row => Of(row.Item1.Candidates[row.Item2], scorer))));
        }

        private static float? Of(EpisodeCandidate candidate, string scorer)
        {
            foreach (var (name, value) in candidate.Scores)
            {
                if (name == scorer)
                {
                    return value;
                }
            }

            return null;
        }

        /// <summary>Parquet's texts are UTF-8: a lone half of a pair becomes U+FFFD.</summary>
        private static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
    }
}
