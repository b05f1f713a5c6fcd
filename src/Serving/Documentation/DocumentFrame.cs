using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Documentation;

/// <summary>What stands around the operations: title and version, the schemas of bodies, and the key where the server asks for one.</summary>
internal sealed class DocumentFrame(RequestSchemas schemas, IOptions<RequestOptions> requests) : IOpenApiDocumentTransformer
{
    private const string Key = "ApiKey";

    public Task TransformAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Serving",
            Version = ObservabilityEndpoints.ProductVersion,
            Description = "Language models with Best-of-N answers. The OpenAI conventions hold; fields of this server's own say so.",
        };
        schemas.AddTo(document);
        if (requests.Value.ApiKeys.Count > 0)
        {
            document.AddComponent(Key, new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "One of Requests:ApiKeys." });
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Key, document)] = [] }];
        }

        return Task.CompletedTask;
    }
}
