using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Observability;

/// <summary>
/// One condition of readiness: <paramref name="Reason"/> gives null when it holds, else why not. Registered as a singleton; called often.
/// </summary>
public sealed record ReadinessCheck(string Name, Func<string?> Reason);

/// <summary>Answer of the probes.</summary>
/// <param name="Reasons">What is still missing, by check; absent when nothing is.</param>
public sealed record HealthBody(
    string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string>? Reasons);

/// <summary>Answer of /version.</summary>
public sealed record VersionBody(string Version);

/// <summary>Request ids, the error shape, the probes, metrics and traces.</summary>
public static class ObservabilityEndpoints
{
    /// <summary>Version of this build.</summary>
    public static string ProductVersion { get; } =
        typeof(ObservabilityEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    public static IHostApplicationBuilder AddObservability(this IHostApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddOptionsWithValidateOnStart<ObservabilityOptions, ObservabilityOptionsValidator>()
            .BindConfiguration(ObservabilityOptions.Section);
        TelemetryRegistration.Add(builder.Services);
        return builder;
    }

    /// <summary>The outermost middleware: before everything that may fail.</summary>
    public static IApplicationBuilder UseObservability(this IApplicationBuilder app) =>
        app.UseMiddleware<RequestIds>().UseMiddleware<ApiErrors>();

    public static IEndpointRouteBuilder MapObservability(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Observability");
        group.MapGet("/livez", Live).WithSummary("Whether the process lives.").Produces<HealthBody>();
        foreach (var path in new[] { "/readyz", "/health" })           // the second is vLLM's, TGI's and llama.cpp's name for it
        {
            group.MapGet(path, Ready).WithSummary("Whether everything is loaded; if not, what is missing.")
                .Produces<HealthBody>().Produces<HealthBody>(StatusCodes.Status503ServiceUnavailable);
        }

        group.MapGet("/version", Version).WithSummary("The version of the server.").Produces<VersionBody>();
        if (routes.ServiceProvider.GetRequiredService<IOptions<ObservabilityOptions>>().Value.Metrics)
        {
            // The exporter maps a bare delegate; what describes the route must be added.
            var description = ((Delegate)Metrics).Method;
            routes.MapPrometheusScrapingEndpoint("/metrics").WithTags("Observability").WithSummary("Metrics in the Prometheus text format.")
                .WithMetadata(new HttpMethodMetadata([HttpMethods.Get]), description, new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(string), ["text/plain"]));
        }

        return routes;
    }

    private static void Metrics()
    {
    }

    private static JsonHttpResult<HealthBody> Live() => Health("alive");

    private static JsonHttpResult<HealthBody> Ready(IEnumerable<ReadinessCheck> checks, HttpResponse response)
    {
        var reasons = checks
            .Select(check => (check.Name, Reason: check.Reason()))
            .Where(check => check.Reason is not null)
            .ToDictionary(check => check.Name, check => check.Reason!);
        if (reasons.Count == 0)
        {
            return Health("ready");
        }

        response.Headers.RetryAfter = "1";
        return Health("not ready", reasons, StatusCodes.Status503ServiceUnavailable);
    }

    private static JsonHttpResult<HealthBody> Health(
        string status, Dictionary<string, string>? reasons = null, int code = StatusCodes.Status200OK) =>
        TypedResults.Json(new HealthBody(status, reasons), ObservabilityJson.Default.HealthBody, statusCode: code);

    private static JsonHttpResult<VersionBody> Version() =>
        TypedResults.Json(new VersionBody(ProductVersion), ObservabilityJson.Default.VersionBody);
}
