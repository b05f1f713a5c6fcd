using Serving.Scoring;

namespace Serving.Batch;

/// <summary>What a run did.</summary>
/// <param name="Lines">Lines in the output.</param>
/// <param name="Errors">Those of them that report an error.</param>
/// <param name="Resumed">Those of them that an earlier run had written.</param>
public sealed record ScoreSummary(long Lines, long Errors, long Resumed);

/// <summary>
/// Scores the pairs of a JSON Lines file in order and in bounded memory: a window of lines is in flight, so that the scorers' batches fill, and
/// the oldest is awaited and written. Not thread-safe.
/// </summary>
public sealed class ScoreJob(CandidateScorer scorer, int window)
{
    /// <summary>Longest input line in bytes; longer ones are reported as errors.</summary>
    internal const int LongestLine = 4 << 20;

    /// <summary>Most bytes of input lines in flight.</summary>
    private const int LargestWindow = 64 << 20;

    private readonly Queue<Pending> _pending = new();
    private long _pendingBytes;
    private long _lines;
    private long _errors;

    /// <summary>Scores <paramref name="input"/> into <paramref name="output"/>, going on behind the lines that are already there.</summary>
    /// <param name="input">JSON Lines of {"id"?, "source", "answer"}.</param>
    /// <param name="output">JSON Lines of {"id", "scores", "total"} or {"id", "error"}.</param>
    /// <param name="progress">Told bytes of input done; may be null.</param>
    /// <param name="cancellationToken">Stops after the lines that are scored; a later run goes on there.</param>
    /// <exception cref="BatchException">A file cannot be used.</exception>
    public async Task<ScoreSummary> RunAsync(string input, string output, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var source = OpenInput(input, output);
        var reader = new LineReader(source, LongestLine);
        using var files = ScoreFiles.Open(output, reader, scorer.Scorecard, scorer.Digest, LongestLine);
        (_lines, _errors) = (files.Done, files.DoneErrors);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (reader.Read() is { } line)
            {
                _pending.Enqueue(new Pending(line, reader.Position, ScoreAsync(PairLine.Parse(line, LongestLine), stop.Token)));
                _pendingBytes += line.Bytes.Length;
                while (_pending.Count >= window || _pendingBytes > LargestWindow)
                {
                    await WriteOldestAsync(files, progress);
                }
            }

            while (_pending.Count > 0)
            {
                await WriteOldestAsync(files, progress);
            }
        }
        finally
        {
            // Also on the way out of a failure: what is scored is kept, what is in flight is called off.
            await stop.CancelAsync();
            await Task.WhenAll(_pending.Select(pending => (Task)pending.Result)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            files.Complete();
        }

        return new ScoreSummary(_lines, _errors, files.Done);
    }

    private static FileStream OpenInput(string input, string output)
    {
        if (Path.GetFullPath(input) == Path.GetFullPath(output))
        {
            throw new BatchException($"{input}: is both --in and --out.");
        }

        try
        {
            return new FileStream(input, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"{input}: cannot be read ({e.Message}).");
        }
    }

    private async Task WriteOldestAsync(ScoreFiles files, IProgress<long>? progress)
    {
        var oldest = _pending.Peek();
        if (!oldest.Result.IsCompleted)
        {
            files.Flush();        // while there is time
        }

        var (bytes, failed) = await oldest.Result;
        _pending.Dequeue();
        _pendingBytes -= oldest.Line.Bytes.Length;
        files.Append(oldest.Line.Digest, bytes);
        _lines++;
        _errors += failed ? 1 : 0;
        progress?.Report(oldest.Position);
    }

    private async Task<(byte[] Bytes, bool Failed)> ScoreAsync(PairLine pair, CancellationToken cancellationToken)
    {
        if (pair.Fault is { } fault)
        {
            return (pair.Failed("invalid_line", fault), true);
        }

        try
        {
            return (pair.Scored(await scorer.ScoreAsync(pair.Source, pair.Answer, cancellationToken)), false);
        }
        catch (ScorerException e)
        {
            return (pair.Failed("scorer_failed", e.Message), true);
        }
    }

    private sealed record Pending(Line Line, long Position, Task<(byte[] Bytes, bool Failed)> Result);
}
