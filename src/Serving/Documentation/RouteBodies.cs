using System.Globalization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Serving.Requests;

namespace Serving.Documentation;

/// <summary>Tells of each operation the body that it takes and the events that it may answer with.</summary>
internal sealed class RouteBodies : IOpenApiOperationTransformer
{
    private static readonly string _events = RouteDescriptions.EventsStatus.ToString(CultureInfo.InvariantCulture);

    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (context.Description.ActionDescriptor.EndpointMetadata.OfType<RequestSchema>().FirstOrDefault() is { } request)
        {
            var body = new OpenApiMediaType { Schema = new OpenApiSchemaReference(request.Name, context.Document) };
            operation.RequestBody = new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = body } };
        }

        if (operation.Responses?.Remove(_events, out var events) is true)
        {
            foreach (var (type, media) in events.Content!)
            {
                operation.Responses["200"].Content![type] = media;
            }
        }

        return Task.CompletedTask;
    }
}
