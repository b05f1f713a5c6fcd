using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Grammar;

/// <summary>Objects of a schema: members in the order of "properties", those that are not required may be missing.</summary>
/// <param name="json">The nodes of JSON values.</param>
/// <param name="nodeOf">Compiles a schema within, at a path.</param>
internal sealed class ObjectCompiler(JsonNodes json, Func<JsonElement, string, GrammarNode> nodeOf)
{
    private static readonly JsonSerializerOptions _compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // All of them may be missing, so all may come next.
    private const int MostProperties = 512;

    private readonly record struct Property(GrammarNode Member, bool Required);

    public GrammarNode Compile(Dictionary<string, JsonElement> keywords, string path)
    {
        var properties = keywords.TryGetValue("properties", out var listed) ? Listed(listed, path + ".properties") : [];
        var required = keywords.TryGetValue("required", out var names) ? Names(names, path + ".required") : [];
        var others = keywords.TryGetValue("additionalProperties", out var schema) ? Others(schema, path + ".additionalProperties") : json.Value;
        List<Property> members =
        [
            .. properties.Select(p => new Property(JsonNodes.Member(Name(p.Name), nodeOf(p.Value, $"{path}.properties.{p.Name}")), required.Contains(p.Name))),
        ];
        if (Math.Max(members.Count, required.Length) > MostProperties)
        {
            throw new GrammarException(path + ".properties", $"has more than {MostProperties} members.", unsupported: true);
        }

        foreach (var name in required.Where(name => properties.TrueForAll(p => p.Name != name)))
        {
            members.Add(new Property(
                JsonNodes.Member(
                    Name(name), others ?? throw new GrammarException(path + ".required", $"names \"{name}\", which additionalProperties does not allow.")),
                Required: true));
        }

        return members.Count > 0 ? JsonNodes.Series(JsonNodes.Literal("{"), Members(members), JsonNodes.Literal("}"))
            : others is null || keywords.ContainsKey("properties") ? JsonNodes.Literal("{}")
            : JsonNodes.List("{", JsonNodes.Member(json.Text, others), "}", 0, null);
    }

    /// <summary>From the last to the first, once with something before it and once without: a comma stands between members only.</summary>
    private static GrammarNode Members(List<Property> members)
    {
        var behind = JsonNodes.Series();           // what follows when there is a member before
        var first = JsonNodes.Series();            // and when there is none
        for (var i = members.Count - 1; i >= 0; i--)
        {
            var (member, required) = members[i];
            var next = JsonNodes.Series(JsonNodes.Spaced(","), member, behind);
            var begin = JsonNodes.Series(member, behind);
            first = required ? begin : new ChoiceNode([first, begin]);
            behind = required ? next : new ChoiceNode([behind, next]);
        }

        return first;
    }

    private GrammarNode? Others(JsonElement schema, string path) => schema.ValueKind == JsonValueKind.False ? null : nodeOf(schema, path);

    private static List<JsonProperty> Listed(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Object ? [.. value.EnumerateObject().DistinctBy(p => p.Name)] : throw new GrammarException(path, "must be an object.");

    private static string[] Names(JsonElement value, string path) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(name => name.GetString()!).Distinct()]
            : throw new GrammarException(path, "must be an array of strings.");

    private static GrammarNode Name(string name) => JsonNodes.Literal(JsonSerializer.Serialize(name, _compact));
}
