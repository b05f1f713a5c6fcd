using System.Globalization;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>Strict reading of a config.json: every complaint names the file and the field.</summary>
internal sealed class ConfigJson
{
    private const int LargestSize = 1 << 24;

    private readonly string _path;
    private readonly JsonObject _root;

    private ConfigJson(string path, JsonObject root)
    {
        _path = path;
        _root = root;
    }

    public static ConfigJson Open(string folder, string file = ModelFiles.Config)
    {
        var path = Path.Combine(folder, file);
        return new ConfigJson(path, JsonFile.ReadObject(path, message => new ModelConfigException(message)));
    }

    /// <summary>The file, or null when the folder has none of that name.</summary>
    public static ConfigJson? OpenIfPresent(string folder, string file) => Path.Exists(Path.Combine(folder, file)) ? Open(folder, file) : null;

    /// <summary>The object in <paramref name="field"/>, or null when the field is absent.</summary>
    public ConfigJson? Section(string field) => _root[field] switch
    {
        null => null,
        JsonObject section => new ConfigJson($"{_path}: {field}", section),
        _ => throw Error($"{field} must be an object"),
    };

    public ModelConfigException Error(string what) => new($"{_path}: {what}.");

    public void Require(string field, string value)
    {
        if (Text(field) is var found && found != value)
        {
            throw Error($"{field} is {(found is null ? "missing" : $"\"{found}\"")}; only \"{value}\" is supported");
        }
    }

    public bool Is(string field, string value) => Text(field) == value;

    /// <summary>Whether the field is a list that holds the text.</summary>
    public bool Lists(string field, string value) =>
        _root[field] is JsonArray list && list.Any(node => node is JsonValue text && text.TryGetValue<string>(out var found) && found == value);

    public void RequireAbsent(string field)
    {
        if (_root[field] is { } value)
        {
            throw Error($"{field} ({Shown(value)}) is not supported");
        }
    }

    /// <summary>The value that goes with the word in <paramref name="field"/>.</summary>
    public T Choice<T>(string field, IReadOnlyList<(string Word, T Value)> choices)
    {
        var word = Text(field);
        foreach (var choice in choices)
        {
            if (word == choice.Word)
            {
                return choice.Value;
            }
        }

        var words = choices.Select(choice => choice.Word).ToArray();
        throw Error($"{field} is {(_root[field] is { } value ? Shown(value) : "missing")}; supported are {string.Join(", ", words[..^1])} and {words[^1]}");
    }

    public void RequireFalse(string field)
    {
        if (FlagOr(field, false))
        {
            throw Error($"{field}: true is not supported");
        }
    }

    /// <summary>Whether the field is there with a value other than null.</summary>
    public bool Has(string field) => _root[field] is not null;

    /// <summary>Whether the field is there, be it null.</summary>
    public bool Contains(string field) => _root.ContainsKey(field);

    public int Size(string field) =>
        !Has(field) ? throw Error($"{field} is missing") : SizeOr(field, 0);

    public int SizeOr(string field, int fallback)
    {
        if (_root[field] is null)
        {
            return fallback;
        }

        return _root[field] is JsonValue value && value.TryGetValue<int>(out var size) && size is > 0 and <= LargestSize
            ? size
            : throw Error($"{field} must be a whole number from 1 to {LargestSize}");
    }

    public double NumberOr(string field, double fallback)
    {
        if (_root[field] is null)
        {
            return fallback;
        }

        return _root[field] is JsonValue value && value.TryGetValue<double>(out var number) && double.IsFinite(number) && number > 0
            ? number
            : throw Error($"{field} must be a positive number");
    }

    public bool FlagOr(string field, bool fallback)
    {
        if (_root[field] is null)
        {
            return fallback;
        }

        return _root[field] is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : throw Error($"{field} must be true or false");
    }

    /// <summary>
    /// A token id or a list of them; empty when absent or null. Each below the vocabulary's size: a larger one would index past the
    /// embedding.
    /// </summary>
    public IReadOnlyList<int> Ids(string field, int vocabulary)
    {
        var ids = Ids(field);
        return ids.All(id => id >= 0 && id < vocabulary)
            ? ids
            : throw Error($"{field} ({string.Join(", ", ids)}) is not within the vocabulary of {vocabulary} tokens");
    }

    /// <summary>A list of texts; empty when absent or null.</summary>
    public IReadOnlyList<string> Texts(string field)
    {
        if (_root[field] is null)
        {
            return [];
        }

        return _root[field] is JsonArray list && list.All(node => node is JsonValue value && value.TryGetValue<string>(out _))
            ? [.. list.Select(node => node!.GetValue<string>())]
            : throw Error($"{field} must be a list of texts");
    }

    public IReadOnlyList<string> Labels(string field)
    {
        if (_root[field] is not JsonObject map || map.Count == 0)
        {
            throw Error($"{field} is missing: it names the classes");
        }

        var labels = new string[map.Count];
        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = map[i.ToString(CultureInfo.InvariantCulture)] is JsonValue value && value.TryGetValue<string>(out var label)
                ? label
                : throw Error($"{field} must name the classes 0 to {labels.Length - 1}");
        }

        return labels;
    }

    /// <summary>The value of an id2label field.</summary>
    public static JsonObject LabelMap(IReadOnlyList<string> labels)
    {
        var map = new JsonObject();
        for (var i = 0; i < labels.Count; i++)
        {
            map[i.ToString(CultureInfo.InvariantCulture)] = labels[i];
        }

        return map;
    }

    /// <summary>A token id or a list of them; empty when absent or null.</summary>
    private IReadOnlyList<int> Ids(string field)
    {
        switch (_root[field])
        {
            case null:
                return [];
            case JsonValue one when one.TryGetValue<int>(out var id):
                return [id];
            case JsonArray many when many.All(node => node is JsonValue value && value.TryGetValue<int>(out _)):
                return [.. many.Select(node => node!.GetValue<int>())];
            default:
                throw Error($"{field} must be a token id or a list of token ids");
        }
    }

    /// <summary>A value as it stands in the file, cut where it would fill the screen.</summary>
    private static string Shown(JsonNode value)
    {
        var text = value.ToJsonString(JsonFile.Readable);
        return text.Length <= 80 ? text : text[..80] + "...";
    }

    private string? Text(string field) => _root[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
