using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>POST /v1/chat/completions and /v1/completions.</summary>
public static class GenerationEndpoints
{
    public static IHostApplicationBuilder AddGeneration(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<GenerationOptions, GenerationOptionsValidator>().BindConfiguration(GenerationOptions.Section);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SeedSource>();
        services.AddSingleton<GenerationRouter>();
        services.AddSingleton<BestOfNGenerator>();
        services.AddSingleton<DirectGenerator>();
        services.AddSingleton<AnswerStream>();
        services.AddSingleton<GenerationHandler>();
        services.AddSingleton<ApiErrorRule>(GenerationErrors.Describe);
        services.AddSingleton(p => new ReadinessCheck("policies", () => p.GetRequiredService<PolicyRegistry>().Ready ? null : "not every configured policy is loaded yet"));
        services.AddSingleton(p => new ReadinessCheck("scorers", () => p.GetRequiredService<CandidateScorer>().Ready ? null : "not every configured scorer is loaded yet"));
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<GenerationOptions>>((kestrel, generation) =>
        {
            kestrel.Limits.MaxRequestBodySize = generation.Value.MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        return builder;
    }

    public static RouteGroupBuilder MapGeneration(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1").WithTags("Generation");
        group.MapPost("/chat/completions", (HttpContext context, GenerationHandler handler) => handler.AnswerAsync(AnswerKind.Chat, context, context.RequestAborted));
        group.MapPost("/completions", (HttpContext context, GenerationHandler handler) => handler.AnswerAsync(AnswerKind.Text, context, context.RequestAborted));
        return group;
    }
}
