using System.Diagnostics;
using System.Diagnostics.Metrics;
using Serving.Observability;

namespace Serving.Episodes;

/// <summary>What the log does, by append and group. Thread-safe.</summary>
internal static class EpisodeTelemetry
{
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Episodes)}");

    private static readonly Histogram<double> _append = _meter.CreateHistogram(
        "serving.episode.append.duration", "s", "What a durable append took its caller: encoding, waiting, writing, fsync.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] });

    private static readonly Counter<long> _written = _meter.CreateCounter<long>("serving.episodes.written", "{episode}", "Episodes that are durable.");

    private static readonly Counter<long> _failed = _meter.CreateCounter<long>("serving.episodes.failed", "{episode}", "Episodes that could not be written.");

    private static readonly Counter<long> _feedback = _meter.CreateCounter<long>("serving.feedback.written", "{value}", "Feedback that is durable.");

    private static readonly Counter<long> _feedbackFailed = _meter.CreateCounter<long>(
        "serving.feedback.failed", "{value}", "Feedback that could not be written.");

    /// <summary>A caller has waited since <paramref name="begun"/> (ticks of <see cref="Stopwatch"/>) for its episode to be durable.</summary>
    public static void Appended(long begun) => _append.Record(Stopwatch.GetElapsedTime(begun).TotalSeconds);

    public static void Written(int episodes) => _written.Add(episodes);

    public static void Failed(int episodes) => _failed.Add(episodes);

    public static void FeedbackWritten(int values) => _feedback.Add(values);

    public static void FeedbackFailed(int values) => _feedbackFailed.Add(values);
}
