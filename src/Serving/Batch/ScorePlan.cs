using Serving.EpisodeTools;

namespace Serving.Batch;

/// <summary>How a run goes from its input to its output. Immutable.</summary>
/// <param name="Paths">Its files.</param>
/// <param name="Open">Opens the input, from its first line.</param>
/// <param name="Work">What is done with each line.</param>
/// <param name="Compose">Makes the output of the result lines; null where they are the output.</param>
internal sealed record ScorePlan(ScorePaths Paths, Func<InputLines> Open, LineWork Work, Func<CancellationToken, Task>? Compose = null)
{
    /// <summary>Lines that are looked at to tell requests from pairs: the first ones may be broken.</summary>
    private const int LinesToTell = 100;

    /// <exception cref="BatchException">It cannot be done; the message says what can.</exception>
    public static ScorePlan Of(ScoreSettings settings, BatchHost host)
    {
        if (Path.GetFullPath(settings.Input) == Path.GetFullPath(settings.Output))
        {
            throw new BatchException($"{settings.Input}: is both --in and --out.");
        }

        return settings.Group is { } group ? Preferences(settings, group, host)
            : Directory.Exists(settings.Input) ? Episodes(settings, host)
            : IsParquet(settings.Input) ? Rows(settings, host)
            : Lines(settings, host);
    }

    private static ScorePlan Preferences(ScoreSettings settings, GroupSettings group, BatchHost host) =>
        Directory.Exists(settings.Input) || IsParquet(settings.Input) || IsParquet(settings.Output)
            ? throw new BatchException("--n takes prompts from JSON Lines and writes preference pairs as JSON Lines.")
            : new ScorePlan(ScorePaths.Of(settings.Output, composed: false), () => JsonLinesInput.Open(settings.Input), new PreferenceWork(host, group));

    private static ScorePlan Episodes(ScoreSettings settings, BatchHost host)
    {
        var folder = RldsFolder.Open(settings.Input);
        var scorer = host.Scorecards.Default;
        if (!folder.IsOurs)
        {
            return Pairs(settings, () => new FieldInput(folder, settings.SourceField, settings.AnswerField), host);
        }

        if (IsParquet(settings.Output))
        {
            throw new BatchException("Episodes are scored as groups: name a folder or a .jsonl --out, then 'episodes export --to parquet' the folder.");
        }

        var composed = IsFolder(settings.Output) || Path.GetExtension(settings.Output).Length == 0;
        var paths = ScorePaths.Of(settings.Output, composed);
        return new ScorePlan(
            paths,
            () => new EpisodeInput(folder),
            new EpisodeWork(scorer),
            composed ? stop => EpisodeOutput.WriteAsync(folder, paths.Lines, paths.Output, scorer.Scorecard, scorer.Digest, stop) : null);
    }

    private static ScorePlan Rows(ScoreSettings settings, BatchHost host)
    {
        ParquetInput Open() => ParquetInput.Open(settings.Input);
        if (IsParquet(settings.Output))
        {
            var (paths, scorers) = (ScorePaths.Of(settings.Output, composed: true), Scorers(host));
            return new ScorePlan(
                paths, Open, new PairWork(host.Scorecards.Default), stop => ParquetOutput.WriteAsync(settings.Input, paths.Lines, paths.Output, scorers, stop));
        }

        using var input = Open();
        return input.Lists.Count == 0
            ? Pairs(settings, Open, host)
            : throw new BatchException(
                $"{settings.Input}: the columns {string.Join(", ", input.Lists)} are lists or structures, which lines have no form for. Name a .parquet --out, which keeps them.");
    }

    private static ScorePlan Lines(ScoreSettings settings, BatchHost host)
    {
        JsonLinesInput Open() => JsonLinesInput.Open(settings.Input);
        if (!HoldsRequests(Open))
        {
            return Pairs(settings, Open, host);
        }

        // The time of the file, not of the run: a run that is repeated gives the same bytes.
        var created = new DateTimeOffset(File.GetLastWriteTimeUtc(settings.Input));
        return IsParquet(settings.Output) || IsFolder(settings.Output)
            ? throw new BatchException($"{settings.Input}: holds requests, whose answers are JSON Lines. Name a .jsonl --out.")
            : new ScorePlan(
                ScorePaths.Of(settings.Output, composed: false), Open, new RequestWork(host.Routes, host.Describe, host.Requests, created, host.Digest));
    }

    private static ScorePlan Pairs(ScoreSettings settings, Func<InputLines> open, BatchHost host)
    {
        if (IsFolder(settings.Output))
        {
            throw new BatchException(
                $"{settings.Output}: episodes hold tokens and log-probabilities, which pairs do not have, so only a log of this server can become a folder. Name a .jsonl or .parquet --out.");
        }

        var (paths, scorers) = (ScorePaths.Of(settings.Output, IsParquet(settings.Output)), Scorers(host));
        return new ScorePlan(
            paths,
            open,
            new PairWork(host.Scorecards.Default),
            paths.Composed ? stop => ParquetOutput.WriteAsync(open, paths.Lines, paths.Output, scorers, stop) : null);
    }

    private static bool HoldsRequests(Func<InputLines> open)
    {
        using var input = open();
        for (var i = 0; i < LinesToTell && input.Read() is { } line; i++)
        {
            if (RequestLine.Looks(line) is { } looks)
            {
                return looks;
            }
        }

        return false;
    }

    private static string[] Scorers(BatchHost host) => [.. host.Scorecards.Default.Entries.Select(entry => entry.Scorer)];

    private static bool IsParquet(string path) => Path.GetExtension(path).Equals(".parquet", StringComparison.OrdinalIgnoreCase);

    private static bool IsFolder(string output) => Path.EndsInDirectorySeparator(output) || Directory.Exists(output);
}
