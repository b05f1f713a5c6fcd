using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Serving.Testing;

/// <summary>A collector: takes OTLP over HTTP on a free port and keeps the bodies as they came. Thread-safe.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<byte[]> _traces = new();
    private readonly ConcurrentQueue<byte[]> _metrics = new();

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/v1/traces", (HttpRequest request) => KeepAsync(request, _traces));
        _app.MapPost("/v1/metrics", (HttpRequest request) => KeepAsync(request, _metrics));
    }

    public Uri Address => new(_app.Urls.Single());

    /// <summary>Everything that came, as bytes.</summary>
    public IEnumerable<byte[]> Bodies => [.. _traces, .. _metrics];

    /// <summary>How many exports of metrics came.</summary>
    public int MetricExports => _metrics.Count;

    public IReadOnlyList<OtlpSpan> Spans(string traceId) => [.. All().Where(span => span.TraceId == traceId)];

    /// <summary>The spans of all traces.</summary>
    public IEnumerable<OtlpSpan> All() => _traces.SelectMany(OtlpSpan.Of);

    public static async Task<OtlpReceiver> StartAsync(CancellationToken cancellationToken)
    {
        var receiver = new OtlpReceiver();
        await receiver._app.StartAsync(cancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<IResult> KeepAsync(HttpRequest request, ConcurrentQueue<byte[]> bodies)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        bodies.Enqueue(body.ToArray());
        return Results.Bytes([], "application/x-protobuf");
    }
}
