using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Serving.Inference;
using Serving.Observability;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>POST /v1/chat/completions and /v1/completions, /tokenize and /detokenize.</summary>
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
        services.AddSingleton<ReservationValues>();
        services.AddSingleton<BestOfNGenerator>();
        services.AddSingleton<DirectGenerator>();
        services.AddSingleton<PromptEchoes>();
        services.AddSingleton<AnswerStream>();
        services.AddSingleton<GenerationHandler>();
        services.AddSingleton<GenerationRoutes>();
        services.AddSingleton<TokenizeHandler>();
        services.AddSingleton<ApiErrorRule>(GenerationErrors.Describe);
        services.AddSingleton(p => Policies(p.GetRequiredService<PolicyRegistry>()));
        services.AddSingleton(p => Scorers(p.GetRequiredService<Scorecards>()));
        return builder;
    }

    public static RouteGroupBuilder MapGeneration(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1").WithTags("Generation");
        group.MapPost("/chat/completions", Chat);
        group.MapPost("/completions", Complete);
        routes.MapPost("/tokenize", Tokenize).WithTags("Generation");
        routes.MapPost("/detokenize", Detokenize).WithTags("Generation");
        return group;
    }

    private static async Task<JsonHttpResult<TokenizeAnswer>> Tokenize(HttpContext context, TokenizeHandler handler) =>
        TypedResults.Json(await handler.TokenizeAsync(context), GenerationJson.Readable.TokenizeAnswer);

    private static async Task<JsonHttpResult<DetokenizeAnswer>> Detokenize(HttpContext context, TokenizeHandler handler) =>
        TypedResults.Json(await handler.DetokenizeAsync(context), GenerationJson.Readable.DetokenizeAnswer);

    private static Task Chat(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Chat, context, context.RequestAborted);

    private static Task Complete(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Text, context, context.RequestAborted);

    private static ReadinessCheck Policies(PolicyRegistry policies) => new("policies", () =>
        !policies.Ready ? policies.LoadError ?? "the policies are still being loaded"
        : policies.Current().FirstOrDefault(p => !p.Engine.Healthy) is { } failed ? $"the engine of {failed.Id} has stopped; the log says why"
        : null);

    private static ReadinessCheck Scorers(Scorecards scorecards) => new("scorers", () =>
        scorecards.Ready ? null : scorecards.LoadError ?? "the scorers are still being loaded");
}
