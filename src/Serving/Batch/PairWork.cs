using Serving.Scoring;

namespace Serving.Batch;

/// <summary>{"id"?, "source", "answer"} becomes {"id", "scores", "total"} or {"id", "error"}. Thread-safe.</summary>
internal sealed class PairWork(CandidateScorer scorer) : LineWork
{
    public override string Name => $"scorecard \"{scorer.Scorecard}\"";

    public override string Digest => scorer.Digest;

    public override async Task<LineResult> RunAsync(Line line, CancellationToken cancellationToken)
    {
        var pair = PairLine.Parse(line);
        if (pair.Fault is { } fault)
        {
            return new(pair.Failed("invalid_line", fault), Failed: true);
        }

        try
        {
            return new(pair.Scored(await scorer.ScoreAsync(pair.Source, pair.Answer, cancellationToken)), Failed: false);
        }
        catch (ScorerException e)
        {
            return new(pair.Failed("scorer_failed", e.Message), Failed: true);
        }
    }
}
