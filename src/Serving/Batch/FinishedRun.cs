namespace Serving.Batch;

/// <summary>
/// A composed output that is there already, and the sidecar that says what it was made from. The output is renamed into place when it is whole, so one that
/// exists is finished; it is never changed. Stateless.
/// </summary>
internal static class FinishedRun
{
    /// <summary>What that run did.</summary>
    /// <exception cref="BatchException">It is of another input or work, or not ours.</exception>
    public static ScoreSummary Check(ScorePaths paths, InputLines input, LineWork work)
    {
        if (!File.Exists(paths.Progress))
        {
            throw new BatchException($"{paths.Output}: exists already and is not of this run. Name another --out, or delete it.");
        }

        using var file = new FileStream(paths.Progress, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var known = new LineReader(file, Line.Longest);
        if (known.Read() is not { } header || ScoreHeader.Parse(header.Bytes.Span) is not { } made || made.Digest != work.Digest)
        {
            throw Other(paths, $"was not made by {work.Name} as it is now");
        }

        var (lines, errors, empty) = (0L, 0L, 0L);
        while (input.Read() is { } line)
        {
            if (known.Read() is not { } entry || SidecarEntry.Parse(entry.Bytes.Span) is not { } done || done.Input != line.Digest)
            {
                throw Other(paths, $"was made from another input: line {line.Number} is not the same");
            }

            lines++;
            errors += done.Failed ? 1 : 0;
            empty += done.Output is null ? 1 : 0;
        }

        return known.Read() is null ? new ScoreSummary(lines, errors, empty, lines) : throw Other(paths, "was made from a longer input");
    }

    private static BatchException Other(ScorePaths paths, string fault) =>
        new($"{paths.Output}: {fault}. Name another --out, or delete it and {paths.Progress}.");
}
