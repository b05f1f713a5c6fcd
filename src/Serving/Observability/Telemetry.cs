using System.Diagnostics;

namespace Serving.Observability;

/// <summary>
/// What the rooms measure themselves with. Each room owns its instruments (a meter "Serving.(room)"); spans of all rooms come from one source, so
/// that a trace is one tree. Neither ever holds text of a prompt or an answer. Thread-safe.
/// </summary>
public static class Telemetry
{
    /// <summary>Name of the source of spans, and what the names of all meters begin with.</summary>
    public const string Name = "Serving";

    public static ActivitySource Activities { get; } = new(Name);

    /// <summary>The span of a request, or a child of it, in whose context the caller runs; null outside of one that is traced.</summary>
    public static Activity? Current => Activity.Current is { IsAllDataRequested: true } current && ReferenceEquals(current.Source, Activities) ? current : null;

    /// <summary>
    /// A span below <see cref="Current"/>, current itself until it is disposed; null where nothing is traced. <paramref name="subject"/> follows
    /// the name, apart because joining both costs memory that a request without a trace need not spend.
    /// </summary>
    public static Activity? Begin(string name, string? subject = null) =>
        Current is null ? null : Activities.StartActivity(subject is null ? name : $"{name} {subject}");
}
