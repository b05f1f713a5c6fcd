using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Requests;

/// <summary>Limits of request bodies and the keys of callers.</summary>
public static class RequestRegistration
{
    public static IHostApplicationBuilder AddRequests(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<RequestOptions, RequestOptionsValidator>().BindConfiguration(RequestOptions.Section);
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<RequestOptions>>((kestrel, requests) =>
        {
            kestrel.Limits.MaxRequestBodySize = requests.Value.MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        return builder;
    }

    /// <summary>Behind the middleware that gives errors their shape, before every route.</summary>
    public static IApplicationBuilder UseRequests(this IApplicationBuilder app) => app.UseMiddleware<ApiKeys>();

    /// <summary>Offers a route over HTTP.</summary>
    public static RouteHandlerBuilder MapJson(this IEndpointRouteBuilder routes, JsonRoute route)
    {
        var mapped = routes.MapPost(route.Path, async (HttpContext context, IOptions<RequestOptions> options, TimeProvider time) =>
        {
            using var body = await RequestBody.ReadAsync(context.Request, options.Value, context.RequestAborted);
            await WriteAsync(context.Response, await route.Answer(body.RootElement, RequestStamp.Now(time), context.RequestAborted), context.RequestAborted);
        });
        return route.Description is { } description
            ? mapped.WithSummary(description.Summary).Takes(description.Schema).Gives(description.Answer)
            : mapped;
    }

    /// <summary>Answers with JSON in UTF-8.</summary>
    public static async Task WriteAsync(HttpResponse response, byte[] json, CancellationToken cancellationToken)
    {
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = json.Length;
        await response.Body.WriteAsync(json, cancellationToken);
    }
}
