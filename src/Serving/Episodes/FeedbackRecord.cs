using System.Collections.ObjectModel;

namespace Serving.Episodes;

/// <summary>What a caller thought of an answer, by one measure. Immutable.</summary>
public sealed record FeedbackRecord
{
    /// <summary>UUID version 7, 36 characters.</summary>
    public required string Id { get; init; }

    /// <summary>Stored as UTC, to the tick.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The answer's id, which is that of its <see cref="Episode"/>.</summary>
    public required string EpisodeId { get; init; }

    /// <summary>The measure; "comment" and "demonstration" are texts about the answer and a better answer.</summary>
    public required string Metric { get; init; }

    /// <summary>JSON: a number, true or false, or a string.</summary>
    public required string Value { get; init; }

    public IReadOnlyDictionary<string, string> Tags { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>By what feedback may be sliced; empty when it was not told.</summary>
    public string Workload { get; init; } = "";

    /// <summary>By whom it may be sliced; empty when it was not told.</summary>
    public string Client { get; init; } = "";
}
