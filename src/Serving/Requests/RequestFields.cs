using System.Globalization;
using System.Text.Json;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>
/// Typed reading of one JSON object of a request. A field that is absent or null gives null; a wrong type or range is an <see
/// cref="ApiException"/> (400) that names the field by its path.
/// </summary>
public readonly struct RequestFields
{
    // Taken apart once: looking a name up in the document throws when any other name is not valid Unicode.
    private readonly Dictionary<string, JsonElement> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly string _prefix;

    /// <param name="json">The object.</param>
    /// <param name="path">Its own path within the body; empty for the body.</param>
    public RequestFields(JsonElement json, string path)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw WrongType(path, "an object", json);
        }

        _prefix = path.Length == 0 ? "" : path + ".";
        foreach (var member in json.EnumerateObject())
        {
            _members[Name(member, path)] = member.Value;               // a name that stands twice counts as it stands last
        }
    }

    public JsonElement? Value(string name)
    {
        _asked.Add(name);
        return _members.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <summary>Names of members that nobody has asked for so far.</summary>
    public IReadOnlyList<string> Unread => [.. _members.Keys.Except(_asked)];

    public RequestFields? Object(string name) => Value(name) is { } value ? new RequestFields(value, _prefix + name) : null;

    public string? Text(string name) => Value(name) is { } value ? Text(value, _prefix + name) : null;

    /// <summary>All members, nulls too.</summary>
    public IReadOnlyCollection<KeyValuePair<string, JsonElement>> Members => _members;

    /// <summary>All members, which must be strings.</summary>
    public Dictionary<string, string> Texts()
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in _members)
        {
            texts[name] = Text(value, _prefix + name);
        }

        return texts;
    }

    public bool? Flag(string name) => Value(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw WrongType(_prefix + name, "true or false", other),
    };

    public long? Integer(string name, long least, long most) =>
        Value(name) is { } value ? Integer(value, _prefix + name, least, most) : null;

    /// <param name="name">Field.</param>
    /// <param name="least">Smallest value allowed.</param>
    /// <param name="most">Largest value allowed.</param>
    /// <param name="open">The smallest value is itself excluded.</param>
    public float? Number(string name, float least, float most, bool open = false) =>
        Value(name) is { } value ? Number(value, _prefix + name, least, most, open) : null;

    public static float Number(JsonElement value, string path, float least, float most, bool open = false)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            throw WrongType(path, "a number", value);
        }

        // Written so that NaN and the infinity of an overlong exponent fail too.
        if (!(value.TryGetSingle(out var number) && (open ? number > least : number >= least) && number <= most))
        {
            var from = open ? "above" : "at least";
            throw Invalid(path, string.Create(CultureInfo.InvariantCulture, $"must be {from} {least} and at most {most}."));
        }

        return number;
    }

    private static string Name(JsonProperty member, string path)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw path.Length == 0
                ? new ApiException(ApiError.BadRequest("The body has a member whose name is not valid Unicode.", null))
                : Invalid(path, "has a member whose name is not valid Unicode.");
        }
    }

    public static string Text(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            throw WrongType(path, "a string", value);
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)                              // half a surrogate pair, or bytes that are not UTF-8
        {
            throw Invalid(path, "holds text that is not valid Unicode.");
        }
    }

    public static long Integer(JsonElement value, string path, long least, long most)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            throw WrongType(path, "an integer", value);
        }

        if (!value.TryGetInt64(out var number) || number < least || number > most)
        {
            throw Invalid(path, string.Create(CultureInfo.InvariantCulture, $"must be an integer between {least} and {most}."));
        }

        return number;
    }

    public static ApiException Invalid(string path, string fault) => new(ApiError.BadRequest($"\"{path}\" {fault}", path));

    public static ApiException Missing(string path, string what) =>
        new(ApiError.BadRequest($"\"{path}\" is missing: {what}", path, "missing_required_parameter"));

    public static ApiException Unsupported(string path, string fault) =>
        new(ApiError.BadRequest($"\"{path}\" {fault}", path, "unsupported_parameter"));

    public static ApiException WrongType(string path, string expected, JsonElement actual)
    {
        var kind = actual.ValueKind switch
        {
            JsonValueKind.String => "a string",
            JsonValueKind.Number => "a number",
            JsonValueKind.True or JsonValueKind.False => "a boolean",
            JsonValueKind.Array => "an array",
            JsonValueKind.Object => "an object",
            _ => "null",
        };
        return new(path.Length == 0
            ? ApiError.BadRequest($"The body must be {expected}, not {kind}.", null, "invalid_type")
            : ApiError.BadRequest($"\"{path}\" must be {expected}, not {kind}.", path, "invalid_type"));
    }
}
