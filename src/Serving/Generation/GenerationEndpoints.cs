using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;
using Serving.Requests;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>POST /v1/chat/completions and /v1/completions, /tokenize and /detokenize, and GET /health_generate.</summary>
public static class GenerationEndpoints
{
    public static IHostApplicationBuilder AddGeneration(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptionsWithValidateOnStart<GenerationOptions, GenerationOptionsValidator>()
            .BindConfiguration(GenerationOptions.Section);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SeedSource>();
        services.AddSingleton<AutoArm>();
        services.AddSingleton<GenerationRouter>();
        services.AddSingleton<AnsweredRequests>();
        services.AddSingleton<ReservationValues>();
        services.AddSingleton<BestOfNGenerator>();
        services.AddSingleton<DirectGenerator>();
        services.AddSingleton<PromptEchoes>();
        services.AddSingleton<AnswerStream>();
        services.AddSingleton<GenerationHandler>();
        services.AddSingleton<GenerationRoutes>();
        services.AddSingleton<TokenizeHandler>();
        services.AddSingleton<DeepProbe>();
        services.AddSingleton<ApiErrorRule>(GenerationErrors.Describe);
        services.AddSingleton(p => Policies(p.GetRequiredService<PolicyRegistry>()));
        services.AddSingleton(p => Queues(p.GetRequiredService<PolicyRegistry>(), p.GetRequiredService<IOptions<InferenceOptions>>().Value.QueueLimit));
        services.AddSingleton(p => Scorers(p.GetRequiredService<Scorecards>()));
        return builder;
    }

    public static RouteGroupBuilder MapGeneration(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1").WithTags("Generation");
        group.MapPost("/chat/completions", Chat).WithSummary("Answers a conversation: by Best-of-N or by plain samples, whole or as a stream.")
            .Takes("ChatRequest").Gives<ChatCompletion>().Streams<ChatChunk>().Fails(StatusCodes.Status504GatewayTimeout);
        group.MapPost("/completions", Complete).WithSummary("Continues a prompt of text or tokens.")
            .Takes("CompletionRequest").Gives<TextCompletion>().Streams<TextCompletion>().Fails(StatusCodes.Status504GatewayTimeout);
        routes.MapPost("/tokenize", Tokenize).WithTags("Generation").WithSummary("The tokens of a prompt or a conversation.")
            .Takes("TokenizeRequest").Gives<TokenizeAnswer>();
        routes.MapPost("/detokenize", Detokenize).WithTags("Generation").WithSummary("The text of tokens.")
            .Takes("DetokenizeRequest").Gives<DetokenizeAnswer>();
        routes.MapGet("/health_generate", Generate).WithTags("Observability").WithSummary("Whether every policy generates: samples a token from each.")
            .Gives<HealthBody>().Fails(StatusCodes.Status503ServiceUnavailable);
        return group;
    }

    private static async Task<JsonHttpResult<TokenizeAnswer>> Tokenize(HttpContext context, TokenizeHandler handler) =>
        TypedResults.Json(await handler.TokenizeAsync(context), GenerationJson.Readable.TokenizeAnswer);

    private static async Task<JsonHttpResult<DetokenizeAnswer>> Detokenize(HttpContext context, TokenizeHandler handler) =>
        TypedResults.Json(await handler.DetokenizeAsync(context), GenerationJson.Readable.DetokenizeAnswer);

    private static async Task<Ok<HealthBody>> Generate(DeepProbe probe, CancellationToken cancellationToken)
    {
        await probe.GenerateAsync(cancellationToken);
        return TypedResults.Ok(new HealthBody("ready", null));
    }

    private static Task Chat(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Chat, context, context.RequestAborted);

    private static Task Complete(HttpContext context, GenerationHandler handler) =>
        handler.AnswerAsync(AnswerKind.Text, context, context.RequestAborted);

    private static ReadinessCheck Policies(PolicyRegistry policies) => new("policies", () =>
        !policies.Ready ? policies.LoadError ?? "the policies are still being loaded"
        : policies.Current().FirstOrDefault(p => !p.Engine.Healthy) is { } failed ? $"the engine of {failed.Id} has stopped; the log says why"
        : null);

    // A load balancer that asks sends requests elsewhere before they are refused here.
    private static ReadinessCheck Queues(PolicyRegistry policies, int limit) => new("queues", () =>
        policies.Current().FirstOrDefault(policy => policy.Engine.Statistics.WaitingCandidates >= limit) is { } full
            ? $"the admission queue of {full.Id} is full: {full.Engine.Statistics.WaitingCandidates} candidates wait" : null);

    private static ReadinessCheck Scorers(Scorecards scorecards) => new("scorers", () =>
        scorecards.Ready ? null : scorecards.LoadError ?? "the scorers are still being loaded");
}
