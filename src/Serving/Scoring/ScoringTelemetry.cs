using System.Diagnostics.Metrics;
using Serving.Observability;

namespace Serving.Scoring;

/// <summary>What scorer models do, by scorer and run. Thread-safe.</summary>
internal static class ScoringTelemetry
{
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Scoring)}");

    private static readonly Histogram<double> _duration = _meter.CreateHistogram(
        "serving.scorer.run.duration", "s", "One run of a scorer model.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] });

    private static readonly Histogram<double> _fill = _meter.CreateHistogram(
        "serving.scorer.batch.fill", "1", "Pairs of a run, as a share of the largest batch.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0625, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1] });

    private static readonly UpDownCounter<long> _queue = _meter.CreateUpDownCounter<long>(
        "serving.scorer.queue.depth", "{pair}", "Pairs that wait for a run.");

    private static readonly Counter<long> _failures = _meter.CreateCounter<long>("serving.scorer.failures", "{run}", "Runs that failed.");

    /// <summary>A run took this long and filled this share of the largest batch.</summary>
    public static void Ran(string scorer, TimeSpan duration, double fill)
    {
        _duration.Record(duration.TotalSeconds, Tag(scorer));
        _fill.Record(fill, Tag(scorer));
    }

    public static void Failed(string scorer) => _failures.Add(1, Tag(scorer));

    /// <summary>The number of waiting pairs has changed.</summary>
    public static void Queued(string scorer, int change) => _queue.Add(change, Tag(scorer));

    private static KeyValuePair<string, object?> Tag(string scorer) => new("serving.scorer", scorer);
}
