using System.Text.Json;

namespace Serving.Tokenization;

/// <summary>One value of a tokenizer file that knows its path, so that every complaint names file and field. Valid while its document lives.</summary>
internal readonly record struct JsonField(JsonElement Value, string File, string Path)
{
    private const int MostShown = 60;

    /// <summary>The member <paramref name="name"/>, or null when it is absent or null.</summary>
    public JsonField? Optional(string name)
    {
        Require(JsonValueKind.Object, "an object");
        return Value.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? new JsonField(value, File, Join(name)) : null;
    }

    public JsonField Required(string name) => Optional(name) ?? throw new TokenizerException($"{File}: {Join(name)} is missing.");

    /// <summary>The "type" of a component.</summary>
    public string Type() => Required("type").Text();

    public string Text()
    {
        Require(JsonValueKind.String, "a string");
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Broken("is not valid text (half of a surrogate pair)");
        }
    }

    public string? TextOrNull(string name) => Optional(name)?.Text();

    public string TextOr(string name, string absent) => Optional(name)?.Text() ?? absent;

    public bool FlagOr(string name, bool absent) => Optional(name)?.Flag() ?? absent;

    public bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Broken("is not true or false");

    public int Count(int most) => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= 0 && number <= most
        ? number
        : throw Broken($"is {Shown()}, but must be a whole number from 0 to {most}");

    public double Number() => Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out var number) && double.IsFinite(number)
        ? number
        : throw Broken("is not a finite number");

    /// <summary>Exactly one character (code point).</summary>
    public string Character()
    {
        var text = Text();
        return text.EnumerateRunes().Count() == 1 ? text : throw Broken($"is {Shown()}, but must be one character");
    }

    public IEnumerable<JsonField> Items()
    {
        Require(JsonValueKind.Array, "a list");
        return Enumerate(this);

        static IEnumerable<JsonField> Enumerate(JsonField list)
        {
            var index = 0;
            foreach (var item in list.Value.EnumerateArray())
            {
                yield return new JsonField(item, list.File, $"{list.Path}[{index++}]");
            }
        }
    }

    public IEnumerable<(string Name, JsonField Field)> Members()
    {
        Require(JsonValueKind.Object, "an object");
        return Enumerate(this);

        static IEnumerable<(string, JsonField)> Enumerate(JsonField parent)
        {
            foreach (var member in parent.Value.EnumerateObject())
            {
                yield return (member.Name, new JsonField(member.Value, parent.File, parent.Path));
            }
        }
    }

    public TokenizerException Unsupported(string supported) => new($"{File}: {Path} {Shown()} is not supported; supported are {supported}.");

    /// <param name="what">Goes on after the path: "is empty".</param>
    public TokenizerException Broken(string what) => new($"{File}: {Path} {what}.");

    private string Join(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    private string Shown()
    {
        var raw = Value.GetRawText();
        return raw.Length > MostShown ? raw[..MostShown] + "..." : raw;
    }

    private void Require(JsonValueKind kind, string named)
    {
        if (Value.ValueKind != kind)
        {
            throw new TokenizerException($"{File}: {(Path.Length == 0 ? "the file" : Path)} is not {named}.");
        }
    }
}
