using System.Text.Json.Nodes;

namespace Serving.Tests.Documentation;

/// <summary>One field of a request as the OpenAPI document has it.</summary>
/// <param name="Path">From the body, with dots.</param>
/// <param name="Schema">Its own schema, references resolved.</param>
internal sealed record DocumentedField(string Path, JsonObject Schema)
{
    /// <summary>All fields of a body's schema, those inside of others too.</summary>
    public static IEnumerable<DocumentedField> Of(JsonNode document, JsonNode schema, string prefix = "")
    {
        var resolved = Resolve(document, schema);
        foreach (var part in (resolved["allOf"]?.AsArray() ?? []).Concat(resolved["anyOf"]?.AsArray() ?? []))
        {
            foreach (var field in Of(document, part!, prefix))
            {
                yield return field;
            }
        }

        foreach (var (name, member) in resolved["properties"]?.AsObject() ?? [])
        {
            yield return new DocumentedField(prefix + name, Resolve(document, member!));
            foreach (var inner in Of(document, member!, $"{prefix}{name}."))
            {
                yield return inner;
            }
        }
    }

    /// <summary>The schema that a reference means; members beside the reference count too.</summary>
    public static JsonObject Resolve(JsonNode document, JsonNode schema)
    {
        var found = schema.AsObject();
        while ((string?)found["$ref"] is { } reference)
        {
            found = document["components"]!["schemas"]![reference.Split('/')[^1]]!.AsObject();
        }

        return found;
    }

    public JsonArray Examples => Schema["examples"]?.AsArray() ?? [];

    public bool IsObject => Types.Contains("object");

    public IEnumerable<string?> Types => Schema["type"] switch
    {
        JsonArray types => types.Select(type => (string?)type),
        { } type => [(string?)type],
        null => [],
    };

    /// <summary>A body with this field set, and with what it needs or excludes beside it.</summary>
    /// <param name="body">A valid body.</param>
    /// <param name="parent">A valid value of the outermost field around this one; null for an outermost field.</param>
    /// <param name="value">What to set.</param>
    public JsonObject Set(JsonObject body, JsonNode? parent, JsonNode? value)
    {
        var names = Path.Split('.');
        var result = body.DeepClone().AsObject();
        foreach (var (name, companion) in _companions.GetValueOrDefault(names[0])?.AsObject() ?? [])
        {
            result[name] = companion!.DeepClone();
        }

        if (_otherNames.TryGetValue(names[0], out var other))
        {
            result.Remove(other);
        }

        if (names.Length > 1)
        {
            result[names[0]] = parent!.DeepClone();
        }

        var at = result;
        foreach (var name in names[..^1])
        {
            at = at[name] as JsonObject ?? (JsonObject)(at[name] = new JsonObject());
        }

        at[names[^1]] = value?.DeepClone();
        return result;
    }

    private static readonly Dictionary<string, JsonNode> _companions = new()
    {
        ["stream_options"] = new JsonObject { ["stream"] = true },
        ["top_logprobs"] = new JsonObject { ["logprobs"] = true },
    };

    // Names of the same thing: the body keeps one of them.
    private static readonly Dictionary<string, string> _otherNames = new()
    {
        ["query"] = "queries",
        ["text_1"] = "queries",
        ["document"] = "documents",
        ["text_2"] = "documents",
        ["inputs"] = "input",
        ["messages"] = "prompt",
    };
}
