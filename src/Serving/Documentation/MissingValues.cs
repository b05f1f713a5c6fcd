using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Serving.Documentation;

/// <summary>What the generator does not see: members that are left out where there is nothing to say are not required, and elements of lists may be null.</summary>
internal sealed class MissingValues : IOpenApiSchemaTransformer
{
    public Task TransformAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        foreach (var member in context.JsonTypeInfo.Properties)
        {
            if (member.AttributeProvider?.IsDefined(typeof(JsonIgnoreAttribute), inherit: false) is true)
            {
                schema.Required?.Remove(member.Name);
            }
        }

        if (schema.Items is { } items && items.Type?.HasFlag(JsonSchemaType.Null) is not true
            && context.JsonPropertyInfo?.AttributeProvider is PropertyInfo property
            && new NullabilityInfoContext().Create(property).GenericTypeArguments is [{ ReadState: NullabilityState.Nullable }])
        {
            schema.Items = new OpenApiSchema { OneOf = [new OpenApiSchema { Type = JsonSchemaType.Null }, items] };
        }

        return Task.CompletedTask;
    }
}
