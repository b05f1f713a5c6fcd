using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Scalar.AspNetCore;

namespace Serving.Documentation;

/// <summary>The OpenAPI document of all routes at /openapi/v1.json and a page over it at /scalar, which loads nothing from elsewhere.</summary>
public static class DocumentationEndpoints
{
    public static IHostApplicationBuilder AddDocumentation(this IHostApplicationBuilder builder)
    {
        // Schemas of answers follow these settings, so they must be those that answers are written with.
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        builder.Services.AddSingleton<RequestSchemas>();
        builder.Services.AddOpenApi(document =>
        {
            document.AddSchemaTransformer<MissingValues>();
            document.AddOperationTransformer<RouteBodies>();
            document.AddDocumentTransformer<DocumentFrame>();
        });
        return builder;
    }

    public static IEndpointRouteBuilder MapDocumentation(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi();
        routes.MapScalarApiReference("/scalar", page => page.WithTitle("Serving").DisableDefaultFonts().DisableTelemetry().DisableAgent());
        return routes;
    }
}
