using System.Globalization;
using System.Text.Json;
using Serving.EpisodeTools;

namespace Serving.Batch;

/// <summary>
/// Pairs out of any RLDS dataset: each step's source and answer are text fields named by their paths. A line is {"id": "EPISODE/STEP", "source",
/// "answer"}; closing steps, whose action is a placeholder, are passed over. Positions are episodes. Not thread-safe.
/// </summary>
internal sealed class FieldInput : InputLines
{
    private readonly string _source;
    private readonly string _answer;
    private readonly IEnumerator<Line> _lines;
    private readonly long _listed;
    private long _episodes;

    /// <param name="folder">With dataset_info.json.</param>
    /// <param name="source">Path of a text, as "observation/text"; of a step or of the episode.</param>
    /// <param name="answer">The same, as "action/text".</param>
    public FieldInput(RldsFolder folder, string source, string answer)
    {
        _source = source;
        _answer = answer;
        _listed = folder.Shards.Sum(shard => shard.Listed ?? 0);
        _lines = Lines(folder.Path).GetEnumerator();
    }

    public override long Position => _episodes;

    public override long Length => Math.Max(_listed, _episodes);

    public override Line? Read() => _lines.MoveNext() ? _lines.Current : null;

    public override void Dispose() => _lines.Dispose();

    private IEnumerable<Line> Lines(string folder)
    {
        var number = 0L;
        foreach (var read in RldsReader.Read(folder))
        {
            for (var step = 0; step < read.Steps.Count; step++)
            {
                if (read.Steps.Count == 1 || !read.Steps[step].Is("is_last"))
                {
                    yield return Line.Of(++number, Pair(read, step, string.Create(CultureInfo.InvariantCulture, $"{_episodes}/{step}")));
                }
            }

            _episodes++;
        }
    }

    private byte[] Pair(RldsEpisode episode, int step, string id)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("source", Text(episode, step, _source));
            json.WriteString("answer", Text(episode, step, _answer));
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static string Text(RldsEpisode episode, int step, string path)
    {
        if (!episode.Steps[step].Fields.TryGetValue(path, out var value) && !episode.Metadata.TryGetValue(path, out value))
        {
            throw new BatchException(
                $"The records have no field \"{path}\"; a step has: {string.Join(", ", episode.Steps[step].Fields.Keys)}. Name one by --source-field and --answer-field.");
        }

        try
        {
            return value.Text;
        }
        catch (InvalidOperationException e)
        {
            throw new BatchException($"The field \"{path}\" is no text: {e.Message}");
        }
    }
}
