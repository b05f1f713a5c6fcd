using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Serving.Observability;

/// <summary>
/// The span of a request on a route that has no conventions of its own, by those of HTTP: "POST /v1/score" with method, route and, where it failed, the error's
/// code. Stateless.
/// </summary>
public static class ServedRequest
{
    /// <summary>Does the work of a request within its span; children stand below it.</summary>
    public static async Task<T> TraceAsync<T>(HttpContext context, IEnumerable<ApiErrorRule> rules, Func<Task<T>> work)
    {
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
        var tags = new TagList { { "http.request.method", context.Request.Method }, { "http.route", route } };
        using var span = Telemetry.Serve($"{context.Request.Method} {route}", Telemetry.CallerOf(context.Request), tags);
        try
        {
            return await work();
        }
        catch (Exception exception)
        {
            Telemetry.Fail(span, context.RequestAborted.IsCancellationRequested ? "client_closed_request" : ApiErrors.Describe(exception, rules).Code);
            throw;
        }
    }
}
