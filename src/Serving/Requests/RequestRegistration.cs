using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Serving.Requests;

/// <summary>Limits of request bodies, the keys of callers, and what is remembered for repeated requests.</summary>
public static class RequestRegistration
{
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
}
