using Serving.Episodes;
using Serving.EpisodeTools;

namespace Serving.Batch;

/// <summary>
/// A log with the scores of another scorecard: every episode of the input with its new totals and scores, under its old id. What went out stays "chosen".
/// Written beside its place and renamed when it is whole. Stateless.
/// </summary>
internal static class EpisodeOutput
{
    private const int MostPending = 256;

    /// <param name="input">The log that was scored.</param>
    /// <param name="lines">Its lines, made by <see cref="EpisodeWork"/>.</param>
    /// <param name="output">Folder to make.</param>
    /// <param name="scorecard">Name of the scorecard.</param>
    /// <param name="digest">Its digest.</param>
    /// <param name="cancellationToken">Stops; a later run begins with the folder again.</param>
    public static async Task WriteAsync(
        RldsFolder input, string lines, string output, string scorecard, string digest, CancellationToken cancellationToken)
    {
        var partial = output + ".partial";
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        await using (var log = new EpisodeLog(new EpisodeOptions { Root = partial }))
        {
            using var file = new FileStream(lines, FileMode.Open, FileAccess.Read, FileShare.Read);
            var results = new LineReader(file, int.MaxValue);
            var pending = new Queue<Task>();
            foreach (var episode in LoggedEpisodes.Read(input))
            {
                if (results.Read() is not { } line)
                {
                    break;           // what a server has added meanwhile is of the next run
                }

                if (EpisodeWork.Scores(line.Bytes) is not { } scores)
                {
                    continue;        // told in the error file; scores of two scorecards in one log would be worse
                }

                pending.Enqueue(log.AppendAsync(Scored(episode, scores, scorecard, digest), cancellationToken));
                while (pending.Count >= MostPending)
                {
                    await pending.Dequeue();
                }
            }

            await Task.WhenAll(pending);
        }

        Directory.Move(partial, output);
        DurableFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(output))!);
    }

    private static Episode Scored(
        Episode episode, IReadOnlyList<(double Total, IReadOnlyList<KeyValuePair<string, float>> Values)> scores, string scorecard, string digest) =>
        episode with
        {
            Scorecard = scorecard,
            ScorecardDigest = digest,
            Candidates = [.. episode.Candidates.Select((candidate, i) => candidate with { Total = scores[i].Total, Scores = scores[i].Values })],
        };
}
