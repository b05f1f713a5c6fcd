namespace Serving.Batch;

/// <summary>How a run goes from its input to its output. Immutable.</summary>
/// <param name="Open">Opens the input, from its first line.</param>
/// <param name="Work">What is done with each line.</param>
/// <param name="Lines">File of the results, line by line, by which a run is resumed.</param>
internal sealed record ScorePlan(Func<InputLines> Open, LineWork Work, string Lines)
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

        JsonLinesInput Open() => JsonLinesInput.Open(settings.Input);
        return new ScorePlan(Open, HoldsRequests(Open) ? Requests(settings.Input, host) : new PairWork(host.Scorecards.Default), settings.Output);
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

    // The time of the file, not of the run: a run that is repeated gives the same bytes.
    private static RequestWork Requests(string input, BatchHost host) =>
        new(host.Routes, host.Describe, host.Requests, new DateTimeOffset(File.GetLastWriteTimeUtc(input)), host.Digest);
}
