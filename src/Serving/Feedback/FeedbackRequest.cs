namespace Serving.Feedback;

/// <summary>The checked body of a feedback request. Immutable.</summary>
/// <param name="AnswerId">Of the answer that is spoken of.</param>
/// <param name="Field">The field that named it, for messages.</param>
/// <param name="Metric">The measure.</param>
/// <param name="Value">JSON: a number, true or false, or a string.</param>
/// <param name="Tags">The caller's own labels.</param>
/// <param name="Workload">To slice by; may be empty.</param>
/// <param name="Client">To slice by; may be empty.</param>
/// <param name="IsDryRun">Check only, store nothing.</param>
internal sealed record FeedbackRequest(
    string AnswerId, string Field, string Metric, string Value, IReadOnlyDictionary<string, string> Tags, string Workload, string Client, bool IsDryRun);
