using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Serving.Documentation;

/// <summary>
/// The schemas of request bodies, which every room with a parser keeps beside it in requests.json. Tests hold both together: parsers take what the schemas
/// allow, refuse what lies beyond, and read no field that is not in them. Immutable.
/// </summary>
internal sealed class RequestSchemas
{
    private readonly (string Name, string Json)[] _schemas = [.. Read()];

    /// <summary>Puts all of them among a document's components.</summary>
    /// <exception cref="InvalidDataException">One of them is not a schema.</exception>
    public void AddTo(OpenApiDocument document)
    {
        foreach (var (name, json) in _schemas)
        {
            var schema = OpenApiModelFactory.Parse<OpenApiSchema>(json, OpenApiSpecVersion.OpenApi3_1, document, out var diagnostic, OpenApiConstants.Json);
            if (schema is null || diagnostic?.Errors.Count > 0 || !document.AddComponent(name, schema))
            {
                throw new InvalidDataException($"The schema {name} cannot be read or is there twice: {string.Join(" ", diagnostic?.Errors ?? [])}");
            }
        }
    }

    private static IEnumerable<(string Name, string Json)> Read()
    {
        var assembly = typeof(RequestSchemas).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".requests.json", StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            foreach (var (name, schema) in JsonNode.Parse(stream)!.AsObject())
            {
                yield return (name, schema!.ToJsonString());
            }
        }
    }
}
