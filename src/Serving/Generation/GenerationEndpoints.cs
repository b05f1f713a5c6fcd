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
        services.AddOptionsWithValidateOnStart<GenerationOptions, GenerationOptionsValidator>()
            .BindConfiguration(GenerationOptions.Section);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SeedSource>();
        services.AddSingleton<GenerationRouter>();
        services.AddSingleton<BestOfNGenerator>();
        services.AddSingleton<DirectGenerator>();
        services.AddSingleton<PromptEchoes>();
        services.AddSingleton<AnswerStream>();
        services.AddSingleton<GenerationHandler>();
        services.AddSingleton<ApiErrorRule>(GenerationErrors.Describe);
        services.AddSingleton(p => Policies(p.GetRequiredService<PolicyRegistry>()));
        services.AddSingleton(p => Scorers(p.GetRequiredService<CandidateScorer>()));
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
        group.MapPost("/chat/completions", Chat);
        group.MapPost("/completions", Complete);
        return group;
    }

    private static Task Chat(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Chat, context, context.RequestAborted);

    private static Task Complete(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Text, context, context.RequestAborted);

    private static ReadinessCheck Policies(PolicyRegistry policies) => new("policies", () =>
        !policies.Ready ? policies.LoadError ?? "the policies are still being loaded"
        : policies.Current().FirstOrDefault(p => !p.Engine.Healthy) is { } failed ? $"the engine of {failed.Id} has stopped; the log says why"
        : null);

    private static ReadinessCheck Scorers(CandidateScorer scorer) => new("scorers", () =>
        scorer.Ready ? null : scorer.LoadError ?? "the scorers are still being loaded");
}
