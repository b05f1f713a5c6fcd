using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Serving.Observability;

/// <summary>
/// What the rooms measure themselves with. Each room owns its instruments (a meter "Serving.(room)"); spans of all rooms come from one source, so
/// that a trace is one tree. Neither ever holds text of a prompt or an answer. Thread-safe.
/// </summary>
public static class Telemetry
{
    /// <summary>Name of the source of spans, and what the names of all meters begin with.</summary>
    public const string Name = "Serving";

    /// <summary>What failed, on spans and series.</summary>
    public const string ErrorType = "error.type";

    public static ActivitySource Activities { get; } = new(Name);

    /// <summary>Names of spans with a subject, each joined once.</summary>
    private static readonly ConcurrentDictionary<(string Name, string Subject), string> _joined = new();

    /// <summary>The span of a request, or a child of it, in whose context the caller runs; null outside of one that is traced.</summary>
    public static Activity? Current => Activity.Current is { IsAllDataRequested: true } current && ReferenceEquals(current.Source, Activities) ? current : null;

    /// <summary>
    /// The span of a request that has arrived, below its caller's, current until it is disposed; null where nothing is traced. <paramref name="tags"/> are there
    /// from the beginning, so that samplers see them.
    /// </summary>
    public static Activity? Serve(string name, ActivityContext caller, in TagList tags)
    {
        if (!Activities.HasListeners())
        {
            return null;
        }

        // The framework's own activity goes to no collector: with it as the parent, the tree would lack its root.
        Activity.Current = null;
        return Activities.StartActivity(name, ActivityKind.Server, caller, tags);
    }

    /// <summary>The caller's place in its trace; empty without one.</summary>
    public static ActivityContext CallerOf(HttpRequest request)
    {
        _ = ActivityContext.TryParse(request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var caller);
        return caller;
    }

    /// <summary>The work of this span failed; <paramref name="type"/> is the error's code.</summary>
    public static void Fail(Activity? span, string type) => span?.SetTag(ErrorType, type).SetStatus(ActivityStatusCode.Error);

    /// <summary>
    /// A span below <see cref="Current"/>, current itself until it is disposed; null where nothing is traced.
    /// </summary>
    public static Activity? Begin(string name) => Current is null ? null : Activities.StartActivity(name);

    /// <summary>
    /// The span of work that has just ended, below <paramref name="parent"/>; nothing without one. It was never current, so what ran meanwhile did not have to carry it along.
    /// </summary>
    /// <param name="parent">What was <see cref="Current"/> when the work began.</param>
    /// <param name="name">Of the kind of work.</param>
    /// <param name="subject">Follows the name and is one of a few, such as a scorer.</param>
    /// <param name="begun">By <see cref="Stopwatch"/>.</param>
    /// <param name="error">The error's code; null = it went well.</param>
    public static void Record(Activity? parent, string name, string subject, long begun, string? error)
    {
        if (parent is null)
        {
            return;
        }

        var joined = _joined.GetOrAdd((name, subject), static both => $"{both.Name} {both.Subject}");
        using var span = Activities.StartActivity(joined, ActivityKind.Internal, parent.Context, startTime: At(begun));
        if (error is not null)
        {
            Fail(span, error);
        }
    }

    /// <summary>The time of day of a <see cref="Stopwatch"/>'s ticks: it never jumps, and traces want what clocks say.</summary>
    public static DateTimeOffset At(long ticks) => TimeProvider.System.GetUtcNow() - Stopwatch.GetElapsedTime(ticks);
}
