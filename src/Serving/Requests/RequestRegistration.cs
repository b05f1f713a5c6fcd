using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>Limits of request bodies, the keys of callers, and what is remembered for repeated requests.</summary>
public static class RequestRegistration
{
    /// <summary>Content type of answers.</summary>
    public const string JsonContent = "application/json; charset=utf-8";

    public static IHostApplicationBuilder AddRequests(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<RequestOptions, RequestOptionsValidator>().BindConfiguration(RequestOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<AnswerMemory>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<RequestOptions>>((kestrel, requests) =>
        {
            kestrel.Limits.MaxRequestBodySize = requests.Value.MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        return builder;
    }

    /// <summary>Behind the middleware that gives errors their shape, before every route.</summary>
    public static IApplicationBuilder UseRequests(this IApplicationBuilder app) => app.UseMiddleware<ApiKeys>();

    /// <summary>Offers a route over HTTP, with a span of its own.</summary>
    public static RouteHandlerBuilder MapJson(this IEndpointRouteBuilder routes, JsonRoute route)
    {
        var mapped = routes.MapPost(route.Path, async (HttpContext context, IOptions<RequestOptions> options, IEnumerable<ApiErrorRule> rules, TimeProvider time) =>
        {
            var answer = await ServedRequest.TraceAsync(context, rules, async () =>
            {
                using var body = await RequestBody.ReadAsync(context.Request, options.Value, context.RequestAborted);
                return await route.Answer(body.RootElement, RequestStamp.Now(time), context.RequestAborted);
            });
            await WriteAsync(context.Response, answer, context.RequestAborted);
        });
        return route.Description is { } description
            ? mapped.WithSummary(description.Summary).Takes(description.Schema).Gives(description.Answer)
            : mapped;
    }

    /// <summary>Answers with JSON in UTF-8.</summary>
    public static async Task WriteAsync(HttpResponse response, byte[] json, CancellationToken cancellationToken)
    {
        response.ContentType = JsonContent;
        response.ContentLength = json.Length;
        await response.Body.WriteAsync(json, cancellationToken);
    }
}
