using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Serving.Requests;

namespace Serving.Experiments;

/// <summary>GET /v1/experiments: the comparison as it stands.</summary>
public static class ExperimentEndpoints
{
    public static IEndpointRouteBuilder MapExperiments(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/experiments", Get).WithTags("Experiments").WithSummary("How the distilled versions compare with Best-of-N, and what was decided.").Gives<ExperimentReport>();
        return routes;
    }

    private static JsonHttpResult<ExperimentReport> Get(ExperimentReports reports) => TypedResults.Json(reports.Read(), ExperimentJson.Default.ExperimentReport);
}
