using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Serving.Observability;

/// <summary>
/// Hands what the rooms measure to OpenTelemetry, the only place that knows its packages. Settings are read when the host is built, so that every
/// source of configuration counts.
/// </summary>
internal static class TelemetryRegistration
{
    private const string Everything = Telemetry.Name + ".*";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void Add(IServiceCollection services)
    {
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService("serving", serviceVersion: ObservabilityEndpoints.ProductVersion)
                .AddEnvironmentVariableDetector())                     // last, so that OTEL_SERVICE_NAME wins
            .WithMetrics(metrics => metrics.AddPrometheusExporter(Fresh))
            .WithTracing();
        services.ConfigureOpenTelemetryMeterProvider(AddMetrics);
        services.ConfigureOpenTelemetryTracerProvider(AddTraces);
    }

    // A scrape is rare and cheap, and an answer that is already in the past helps nobody.
    private static void Fresh(PrometheusAspNetCoreOptions prometheus) => prometheus.ScrapeResponseCacheDurationMilliseconds = 0;

    private static void AddMetrics(IServiceProvider services, MeterProviderBuilder builder)
    {
        var options = OptionsOf(services);
        if (!options.Metrics)
        {
            return;
        }

        builder.AddMeter(Everything);
        if (Exports(options))
        {
            // Made by hand, reader and processor read no variable; their options do.
            var times = new PeriodicExportingMetricReaderOptions();
            builder.AddReader(new PeriodicExportingMetricReader(
                new OtlpMetricExporter(To(options, "v1/metrics")), times.ExportIntervalMilliseconds ?? 60_000, times.ExportTimeoutMilliseconds ?? 30_000));
        }
    }

    // Without a receiver nothing listens, and then no span is ever made.
    private static void AddTraces(IServiceProvider services, TracerProviderBuilder builder)
    {
        var options = OptionsOf(services);
        if (Exports(options))
        {
            var batch = new BatchExportActivityProcessorOptions();
            builder.AddSource(Telemetry.Name).AddProcessor(new BatchActivityExportProcessor(
                new OtlpTraceExporter(To(options, "v1/traces")),
                batch.MaxQueueSize,
                batch.ScheduledDelayMilliseconds,
                batch.ExporterTimeoutMilliseconds,
                batch.MaxExportBatchSize));
        }
    }

    private static ObservabilityOptions OptionsOf(IServiceProvider services) => services.GetRequiredService<IOptions<ObservabilityOptions>>().Value;

    private static bool Exports(ObservabilityOptions options) =>
        options.OtlpEndpoint is not null || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Endpoint));

    // The options read the standard variables themselves; an address that is set by hand must be a signal's own.
    private static OtlpExporterOptions To(ObservabilityOptions options, string path)
    {
        var exporter = new OtlpExporterOptions();
        if (options.OtlpEndpoint is { } endpoint)
        {
            exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
            exporter.Endpoint = new Uri($"{endpoint.AbsoluteUri.TrimEnd('/')}/{path}");
        }

        return exporter;
    }
}
