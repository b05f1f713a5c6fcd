namespace Serving.Batch;

/// <summary>What a run makes of each line. Its result depends on the line and on <see cref="Digest"/> alone. Thread-safe: many lines are under way.</summary>
internal abstract class LineWork
{
    /// <summary>What scores or answers, for people: "scorecard "default"".</summary>
    public abstract string Name { get; }

    /// <summary>Of the models, weights and settings that results depend on; results of different digests are not mixed.</summary>
    public abstract string Digest { get; }

    /// <summary>Works on one line; what is wrong with the line is a result too.</summary>
    public abstract Task<LineResult> RunAsync(Line line, CancellationToken cancellationToken);
}

/// <summary>What came of a line. Immutable.</summary>
/// <param name="Output">A JSON object and a line break; null where a line rightly gives nothing.</param>
/// <param name="Failed">It tells of an error.</param>
internal readonly record struct LineResult(byte[]? Output, bool Failed);
