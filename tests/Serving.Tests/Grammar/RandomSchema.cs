using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Tests.Grammar;

/// <summary>Seeded random schemas of the supported subset, and a check of values against them that shares nothing with the product.</summary>
internal static class RandomSchema
{
    public static IEnumerable<string> Some(int count) => Enumerable.Range(0, count).Select(seed => Schema(new Random(seed), 0).ToJsonString());

    /// <summary>What a value breaks; null when it satisfies the schema.</summary>
    public static string? Fault(JsonElement schema, JsonElement value) => Fault(schema, schema, value);

    private static JsonObject Schema(Random random, int depth) => (depth > 2 ? random.Next(6) : random.Next(9)) switch
    {
        0 => new JsonObject { ["type"] = "string", ["maxLength"] = random.Next(4) + 2, ["minLength"] = random.Next(3) },
        1 => new JsonObject { ["type"] = "integer" },
        2 => new JsonObject { ["type"] = new JsonArray("number", "null"), ["description"] = "a figure" },
        3 => new JsonObject { ["enum"] = new JsonArray("red", "green \"x\"", 7, true) },
        4 => new JsonObject { ["const"] = "é" + random.Next(3).ToString(CultureInfo.InvariantCulture) },
        5 => new JsonObject { ["type"] = "boolean" },
        6 => new JsonObject { ["type"] = "array", ["items"] = Schema(random, depth + 1), ["minItems"] = random.Next(3), ["maxItems"] = random.Next(3) + 2 },
        7 => new JsonObject { ["anyOf"] = new JsonArray(Schema(random, depth + 1), Schema(random, depth + 1)) },
        _ => Object(random, depth),
    };

    private static JsonObject Object(Random random, int depth)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        for (var i = random.Next(5); i >= 0; i--)
        {
            var name = "p" + i.ToString(CultureInfo.InvariantCulture);
            properties[name] = Schema(random, depth + 1);
            if (random.Next(2) == 0)
            {
                required.Add(name);
            }
        }

        return new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = required, ["additionalProperties"] = false };
    }

    private static string? Fault(JsonElement root, JsonElement schema, JsonElement value)
    {
        if (schema.TryGetProperty("$ref", out var reference))
        {
            var target = reference.GetString()!.Split('/').Skip(1).Aggregate(root, (at, name) => at.GetProperty(name));
            return Fault(root, target, value);
        }

        if (schema.TryGetProperty("anyOf", out var alternatives))
        {
            return alternatives.EnumerateArray().Any(one => Fault(root, one, value) is null) ? null : "anyOf";
        }

        if (schema.TryGetProperty("enum", out var allowed))
        {
            return allowed.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)) ? null : "enum";
        }

        if (schema.TryGetProperty("const", out var constant))
        {
            return JsonElement.DeepEquals(constant, value) ? null : "const";
        }

        if (schema.TryGetProperty("type", out var type))
        {
            string[] types = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(t => t.GetString()!)] : [type.GetString()!];
            if (!types.Contains(TypeOf(value)) && !(TypeOf(value) == "integer" && types.Contains("number")))
            {
                return "type";
            }
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => OutOf(schema, value.GetString()!.EnumerateRunes().Count(), "minLength", "maxLength"),
            JsonValueKind.Array => OutOf(schema, value.GetArrayLength(), "minItems", "maxItems")
                ?? (schema.TryGetProperty("items", out var items) ? value.EnumerateArray().Select(item => Fault(root, items, item)).FirstOrDefault(f => f is not null) : null),
            JsonValueKind.Object => Members(root, schema, value),
            _ => null,
        };
    }

    private static string? Members(JsonElement root, JsonElement schema, JsonElement value)
    {
        if (schema.TryGetProperty("required", out var required) && required.EnumerateArray().Any(name => !value.TryGetProperty(name.GetString()!, out _)))
        {
            return "required";
        }

        var closed = schema.TryGetProperty("additionalProperties", out var others) && others.ValueKind == JsonValueKind.False;
        foreach (var member in value.EnumerateObject())
        {
            if (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(member.Name, out var own))
            {
                if (Fault(root, own, member.Value) is { } fault)
                {
                    return $"{member.Name}: {fault}";
                }
            }
            else if (closed)
            {
                return "additionalProperties";
            }
        }

        return null;
    }

    private static string? OutOf(JsonElement schema, int count, string least, string most) =>
        schema.TryGetProperty(least, out var min) && count < min.GetInt32() ? least
        : schema.TryGetProperty(most, out var max) && count > max.GetInt32() ? most
        : null;

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble() is var number && number == Math.Floor(number) ? "integer" : "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => CultureInfo.InvariantCulture.TextInfo.ToLower(value.ValueKind.ToString()),
    };
}
