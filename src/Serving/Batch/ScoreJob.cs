namespace Serving.Batch;

/// <summary>What a run did.</summary>
/// <param name="Lines">Input lines that are done.</param>
/// <param name="Errors">Those of them that gave an error.</param>
/// <param name="Empty">Those of them that rightly gave nothing.</param>
/// <param name="Resumed">Those of them that an earlier run had done.</param>
internal sealed record ScoreSummary(long Lines, long Errors, long Empty, long Resumed);

/// <summary>How far a run is.</summary>
/// <param name="Lines">Lines that are done.</param>
/// <param name="Position">Of the input, in its own unit.</param>
/// <param name="Length">The whole.</param>
internal readonly record struct ScoreProgress(long Lines, long Position, long Length);

/// <summary>
/// Works through an input in order and in bounded memory: a window of lines is under way, so that the scorers find enough pairs of every length for full
/// batches, and the oldest is awaited and written. Not thread-safe.
/// </summary>
internal sealed class ScoreJob(LineWork work, int window)
{
    /// <summary>Most bytes of input lines in flight.</summary>
    private const int LargestWindow = 8 << 20;

    private readonly Queue<Pending> _pending = new();
    private long _pendingBytes;
    private long _lines;
    private long _errors;
    private long _empty;

    /// <summary>Works on <paramref name="input"/> into <paramref name="paths"/>, going on behind the lines that are already done.</summary>
    /// <param name="input">Lines from the first one on.</param>
    /// <param name="paths">Where its lines go.</param>
    /// <param name="progress">May be null.</param>
    /// <param name="cancellationToken">Stops after the lines that are done; a later run goes on there.</param>
    /// <exception cref="BatchException">A file cannot be used.</exception>
    public async Task<ScoreSummary> RunAsync(InputLines input, ScorePaths paths, IProgress<ScoreProgress>? progress, CancellationToken cancellationToken)
    {
        using var files = ScoreFiles.Open(paths, input, work);
        (_lines, _errors, _empty) = (files.Done, files.DoneErrors, files.DoneEmpty);
        progress?.Report(new(_lines, input.Position, input.Length));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (input.Read() is { } line)
            {
                _pending.Enqueue(new Pending(line, input.Position, work.RunAsync(line, stop.Token)));
                _pendingBytes += line.Bytes.Length;
                while (_pending.Count >= window || _pendingBytes > LargestWindow)
                {
                    await WriteOldestAsync(files, input, progress);
                }
            }

            while (_pending.Count > 0)
            {
                await WriteOldestAsync(files, input, progress);
            }
        }
        finally
        {
            // Also on the way out of a failure: what is done is kept, what is in flight is called off.
            await stop.CancelAsync();
            await Task.WhenAll(_pending.Select(pending => (Task)pending.Result)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            files.Complete();
        }

        return new ScoreSummary(_lines, _errors, _empty, files.Done);
    }

    private async Task WriteOldestAsync(ScoreFiles files, InputLines input, IProgress<ScoreProgress>? progress)
    {
        var oldest = _pending.Peek();
        if (!oldest.Result.IsCompleted)
        {
            files.Flush();        // while there is time
        }

        var result = await oldest.Result;
        _pending.Dequeue();
        _pendingBytes -= oldest.Line.Bytes.Length;
        files.Append(oldest.Line, result);
        _lines++;
        _errors += result.Failed ? 1 : 0;
        _empty += result.Output is null ? 1 : 0;
        progress?.Report(new(_lines, oldest.Position, input.Length));
    }

    private sealed record Pending(Line Line, long Position, Task<LineResult> Result);
}
