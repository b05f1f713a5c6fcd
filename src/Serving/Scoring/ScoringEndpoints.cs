using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;
using Serving.Requests;

namespace Serving.Scoring;

/// <summary>The scorers and their routes.</summary>
public static class ScoringEndpoints
{
    /// <summary>Adds <see cref="Scorecards"/> and what loads it; needs a <see cref="ModelStore"/>.</summary>
    public static IHostApplicationBuilder AddScoring(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ScoringOptions, ScoringOptionsValidator>().BindConfiguration(ScoringOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<ScoringOptions>, ScorecardsValidator>();
        builder.Services.AddOptions<OnnxOptions>().BindConfiguration(OnnxOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new Scorecards(
            services.GetRequiredService<IOptions<ScoringOptions>>(),
            services.GetRequiredService<IOptions<OnnxOptions>>(),
            services.GetRequiredService<ModelStore>()));
        builder.Services.AddSingleton<ScoreHandler>();
        builder.Services.AddHostedService<ScorerLoader>();
        return builder;
    }

    /// <summary>Scores over HTTP, in the shapes of vLLM, Jina, Cohere and OpenRLHF.</summary>
    public static IEndpointRouteBuilder MapScoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Scoring");
        foreach (var path in new[] { "/v1/score", "/score" })
        {
            group.MapPost(path, async (HttpContext context, ScoreHandler handler) => Json(await handler.ScoreAsync(context), ScoringJson.Readable.ScoreAnswer))
                .WithSummary("Scores of answers to a source.").Takes("ScoreRequest").Gives<ScoreAnswer>();
        }

        foreach (var (path, returnDocuments) in new[] { ("/v1/rerank", true), ("/rerank", true), ("/v2/rerank", false) })
        {
            group.MapPost(path, async (HttpContext context, ScoreHandler handler) =>
                Json(await handler.RerankAsync(context, returnDocuments), ScoringJson.Readable.RerankAnswer))
                .WithSummary("Documents by their score for a query, best first.").Takes("RerankRequest").Gives<RerankAnswer>();
        }

        foreach (var path in new[] { "/v1/classify", "/classify" })
        {
            group.MapPost(path, async (HttpContext context, ScoreHandler handler) =>
                Json(await handler.ClassifyAsync(context), ScoringJson.Readable.ClassifyAnswer))
                .WithSummary("Entailment's classes of answers, sentence by sentence.").Takes("ClassifyRequest").Gives<ClassifyAnswer>();
        }

        group.MapPost("/v1/reward", async (HttpContext context, ScoreHandler handler) =>
            Json(await handler.RewardAsync(context), ScoringJson.Readable.RewardAnswer))
            .WithSummary("The whole scorecard of a conversation's last message.").Takes("RewardRequest").Gives<RewardAnswer>();
        group.MapPost("/get_reward", async (HttpContext context, ScoreHandler handler) =>
            Json(await handler.RewardsAsync(context), ScoringJson.Readable.RewardList))
            .WithSummary("Raw scores for trainers.").Takes("GetRewardRequest").Gives<RewardList>();
        return routes;
    }

    private static JsonHttpResult<T> Json<T>(T answer, JsonTypeInfo<T> type) => TypedResults.Json(answer, type);
}
