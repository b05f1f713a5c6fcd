using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Grammar;

/// <summary>
/// Turns a JSON schema into a grammar. A keyword that is not understood is refused, never ignored: an answer that breaks it would be wrong. Members
/// come in the order of "properties"; others than those are never written.
/// </summary>
internal sealed class SchemaCompiler(JsonElement root)
{
    private const int MostRepeats = 1 << 16;
    private const int MostParts = 4096;      // schemas and values of enums, all together: each costs time at every token
    private const int Deepest = 100;         // schemas within each other, references followed

    // Whatever the encoder escapes, a policy would have to write.
    private static readonly JsonSerializerOptions _compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] _annotations =
        ["title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions", "deprecated", "readOnly", "writeOnly"];

    private static readonly string[] _constraints =
        ["properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength"];

    private static readonly string[] _types = ["object", "array", "string", "integer", "number", "boolean", "null"];

    private readonly JsonNodes _json = new();
    private readonly Dictionary<string, ReferenceNode> _references = [];
    private int _parts;
    private int _depth;

    /// <exception cref="GrammarException">A keyword is unknown, malformed or not supported.</exception>
    public GrammarNode Compile() => Node(root, "");

    private GrammarNode Node(JsonElement schema, string path)
    {
        Count(1, path);
        if (_depth == Deepest)
        {
            throw Unsupported(path, $"lies more than {Deepest} schemas deep.");
        }

        _depth++;
        var node = NodeOf(schema, path);
        _depth--;
        return node;
    }

    private GrammarNode NodeOf(JsonElement schema, string path)
    {
        if (schema.ValueKind == JsonValueKind.True)
        {
            return _json.Value;
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            throw new GrammarException(path, "must be a schema: an object or true.");
        }

        var keywords = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, value) in schema.EnumerateObject().Select(k => (k.Name, k.Value)).Where(k => !_annotations.Contains(k.Name)))
        {
            keywords[name] = value;
            if (name is not ("type" or "enum" or "const" or "anyOf" or "$ref") && !_constraints.Contains(name))
            {
                throw Unsupported($"{path}.{name}", "is not supported: leave it out.");
            }
        }

        return Alone(keywords, "$ref", path) is { } reference ? Reference(reference, path)
            : Alone(keywords, "anyOf", path) is { } alternatives ? AnyOf(alternatives, path)
            : keywords.TryGetValue("enum", out var values) ? Values(Elements(values, path + ".enum"), keywords, path)
            : keywords.TryGetValue("const", out var constant) ? Values([constant], keywords, path)
            : Typed(keywords, path);
    }

    /// <summary>A keyword that says all by itself; what stands beside it would have to hold too.</summary>
    private static JsonElement? Alone(Dictionary<string, JsonElement> keywords, string name, string path)
    {
        if (!keywords.TryGetValue(name, out var value))
        {
            return null;
        }

        var other = keywords.Keys.FirstOrDefault(key => key != name);
        return other is null ? value : throw Unsupported($"{path}.{other}", $"is not supported beside {name}.");
    }

    private ReferenceNode Reference(JsonElement value, string path)
    {
        path += ".$ref";
        var pointer = value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new GrammarException(path, "must be a string.");
        if (_references.TryGetValue(pointer, out var known))
        {
            return known;
        }

        var target = root;
        var steps = pointer.Split('/');
        if (steps[0] != "#")
        {
            throw Unsupported(path, "must point into this schema: \"#\" or \"#/$defs/...\".");
        }

        foreach (var step in steps[1..])
        {
            var name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            target = target.ValueKind == JsonValueKind.Object && target.TryGetProperty(name, out var inner)
                ? inner
                : throw new GrammarException(path, $"points to \"{pointer}\", which is not in the schema.");
        }

        var reference = new ReferenceNode();
        _references.Add(pointer, reference);     // before its target is read, which may refer to it
        reference.PointTo(Node(target, string.Concat(steps[1..].Select(step => "." + step))));
        return reference;
    }

    private ChoiceNode AnyOf(JsonElement value, string path)
    {
        GrammarNode[] alternatives = [.. Elements(value, path + ".anyOf").Select((schema, i) => Node(schema, $"{path}.anyOf[{i}]"))];
        return alternatives.Length > 0 ? new ChoiceNode(alternatives) : throw new GrammarException(path + ".anyOf", "is empty.");
    }

    private ChoiceNode Values(JsonElement[] values, Dictionary<string, JsonElement> keywords, string path)
    {
        var other = keywords.Keys.FirstOrDefault(key => key is not ("type" or "enum" or "const"));
        if (other is not null)
        {
            throw Unsupported($"{path}.{other}", "is not supported beside enum or const.");
        }

        Count(values.Length, path);
        var types = keywords.TryGetValue("type", out var type) ? TypesOf(type, path) : _types;
        var constant = keywords.TryGetValue("const", out var only) ? JsonSerializer.Serialize(only, _compact) : null;
        GrammarNode[] allowed =
        [
            .. values.Where(value => types.Any(t => Is(value, t)))
                .Select(value => JsonSerializer.Serialize(value, _compact))
                .Where(text => constant is null || text == constant)
                .Distinct()
                .Select(JsonNodes.Literal),
        ];
        return allowed.Length > 0 ? new ChoiceNode(allowed) : throw new GrammarException(path, "allows no value.");
    }

    private GrammarNode Typed(Dictionary<string, JsonElement> keywords, string path)
    {
        var types = keywords.TryGetValue("type", out var type) ? TypesOf(type, path)
            : keywords.ContainsKey("properties") ? ["object"]      // many schemas say so without saying it
            : keywords.ContainsKey("items") ? ["array"]
            : keywords.Count == 0 ? _types
            : throw new GrammarException($"{path}.{keywords.Keys.First()}", "needs a type beside it.");
        if (keywords.Count == 0)
        {
            return _json.Value;
        }

        GrammarNode[] nodes = [.. types.Select(t => OfType(t, keywords, path))];
        return nodes.Length == 1 ? nodes[0] : new ChoiceNode(nodes);
    }

    private GrammarNode OfType(string type, Dictionary<string, JsonElement> keywords, string path)
    {
        return type switch
        {
            "object" => new ObjectCompiler(_json, Node).Compile(keywords, path),
            "array" => JsonNodes.List(
                "[", keywords.TryGetValue("items", out var items) ? Node(items, path + ".items") : _json.Value, "]", CountIn("minItems") ?? 0, Limit("maxItems", "minItems")),
            "string" => JsonNodes.TextOf(CountIn("minLength") ?? 0, Limit("maxLength", "minLength")),
            "integer" => _json.Integer,
            "number" => _json.Number,
            "boolean" => _json.Boolean,
            _ => _json.Null,
        };

        int? CountIn(string name) => keywords.TryGetValue(name, out var value) ? CountOf(value, $"{path}.{name}") : null;

        int? Limit(string name, string least) => CountIn(name) is { } most && most < (CountIn(least) ?? 0)
            ? throw new GrammarException($"{path}.{name}", $"is less than {least}.")
            : CountIn(name);
    }

    private static int CountOf(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count is >= 0 and <= MostRepeats
            ? count
            : throw new GrammarException(path, $"must be a whole number from 0 to {MostRepeats}.");

    private void Count(int parts, string path)
    {
        _parts += parts;
        if (_parts > MostParts)
        {
            throw Unsupported(path, $"makes the schema too large: more than {MostParts} schemas and values.");
        }
    }

    private static bool Is(JsonElement value, string type) => value.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || (type == "integer" && value.TryGetInt64(out _)),
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        _ => type == "null",
    };

    private static string[] TypesOf(JsonElement value, string path)
    {
        path += ".type";
        string[] types = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(one => Type(one, path))] : [Type(value, path)];
        return types.Length > 0 ? types : throw new GrammarException(path, "is empty.");
    }

    private static string Type(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.String && _types.Contains(value.GetString())
            ? value.GetString()!
            : throw new GrammarException(path, $"must be one of {string.Join(", ", _types)}, or an array of them.");

    private static JsonElement[] Elements(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw new GrammarException(path, "must be an array.");

    private static GrammarException Unsupported(string path, string fault) => new(path, fault, unsupported: true);
}
