using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Serving.Requests;

namespace Serving.Feedback;

/// <summary>Answer of POST /v1/feedback.</summary>
/// <param name="FeedbackId">UUID version 7.</param>
public sealed record FeedbackAnswer(string FeedbackId);

/// <summary>POST /v1/feedback: what callers thought of answers, in TensorZero's shape.</summary>
public static class FeedbackEndpoints
{
    public static IHostApplicationBuilder AddFeedback(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<FeedbackHandler>();
        return builder;
    }

    public static IEndpointRouteBuilder MapFeedback(this IEndpointRouteBuilder routes)
    {
        foreach (var path in (string[])["/v1/feedback", "/feedback"])
        {
            routes.MapPost(path, Take).WithTags("Feedback").WithSummary("What a caller thought of an answer.").Takes("FeedbackRequest").Gives<FeedbackAnswer>();
        }

        return routes;
    }

    private static async Task<JsonHttpResult<FeedbackAnswer>> Take(HttpContext context, FeedbackHandler handler) =>
        TypedResults.Json(await handler.TakeAsync(context), FeedbackJson.Default.FeedbackAnswer);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(FeedbackAnswer))]
internal sealed partial class FeedbackJson : JsonSerializerContext;
