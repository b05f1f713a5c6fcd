using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
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
        builder.Services.AddSingleton<ScorersOnDemand>();
        builder.Services.AddSingleton<ScoreHandler>();
        builder.Services.AddSingleton<ScoreRoutes>();
        builder.Services.AddHostedService<ScorerLoader>();
        return builder;
    }

    /// <summary>Scores over HTTP, in the shapes of vLLM, Jina, Cohere and OpenRLHF.</summary>
    public static IEndpointRouteBuilder MapScoring(this IEndpointRouteBuilder routes)
    {
        foreach (var route in routes.ServiceProvider.GetRequiredService<ScoreRoutes>().All)
        {
            routes.MapJson(route).WithTags("Scoring");
        }

        return routes;
    }
}
