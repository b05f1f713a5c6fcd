using System.Diagnostics.Metrics;
using Serving.Observability;

namespace Serving.Comparison;

/// <summary>What comparisons are measured with.</summary>
internal static class ComparisonTelemetry
{
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Comparison)}");

    /// <summary>Pairs that were judged and logged.</summary>
    public static readonly Counter<long> Pairs = _meter.CreateCounter<long>("serving.comparison.pairs", "{pair}", "Prompts that both arms answered, judged and logged.");

    /// <summary>Requests that could not be compared.</summary>
    public static readonly Counter<long> Failed = _meter.CreateCounter<long>("serving.comparison.failed", "{request}", "Sampled requests that could not be compared; the log says why.");
}
