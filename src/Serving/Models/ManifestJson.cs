using System.Globalization;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>Layout of manifest.json: strict about the fields that we know, tolerant of those that a later version may add.</summary>
internal static class ManifestJson
{
    private const int HashLength = 64;

    public static ModelManifest Read(string path)
    {
        var json = JsonFile.ReadObject(path, message => new ManifestException(message));
        var manifest = new ModelManifest
        {
            Kind = Kind(path, json),
            Name = Text(path, json, "name"),
            Version = Text(path, json, "version"),
            Created = Created(path, json),
            Parent = OptionalText(path, json, "parent"),
            Digest = Text(path, json, "digest"),
            Files = Files(path, json),
            Training = OptionalObject(path, json, "training"),
            Figures = OptionalObject(path, json, "figures"),
        };
        if (!ModelId.IsName(manifest.Name))
        {
            throw Error(path, $"name \"{manifest.Name}\" is not a model name: letters, digits, '.', '_' and '-', beginning with a letter or a digit");
        }

        if (ModelId.ParseVersion(manifest.Version) is null)
        {
            throw Error(path, $"version \"{manifest.Version}\" is not a whole number from 1");
        }

        var digest = ModelManifest.DigestOf(manifest.Files);
        return manifest.Digest == digest
            ? manifest
            : throw Error(path, $"digest is {manifest.Digest}, but the files listed give {digest}: the manifest was edited; publish the version again");
    }

    public static string Write(ModelManifest manifest)
    {
        var files = new JsonObject();
        foreach (var (name, hash) in manifest.Files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            files[name] = hash;
        }

        var json = new JsonObject
        {
            ["kind"] = Word(manifest.Kind),
            ["name"] = manifest.Name,
            ["version"] = manifest.Version,
            ["created"] = manifest.Created.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["parent"] = manifest.Parent,
            ["digest"] = manifest.Digest,
            ["files"] = files,
            ["training"] = manifest.Training?.DeepClone(),
            ["figures"] = manifest.Figures?.DeepClone(),
        };
        return json.ToJsonString(JsonFile.Indented) + "\n";
    }

    /// <summary>
    /// A file name that stays inside its folder on every system, and cannot break the lines that the digest is taken over.
    /// </summary>
    public static bool IsFileName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name != ModelFiles.Manifest && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    private static ModelKind Kind(string path, JsonObject json)
    {
        var word = Text(path, json, "kind");
        foreach (var kind in Enum.GetValues<ModelKind>())
        {
            if (word == Word(kind))
            {
                return kind;
            }
        }

        var known = Enum.GetValues<ModelKind>().Select(kind => $"\"{Word(kind)}\"");
        throw Error(path, $"kind is \"{word}\"; this program knows {string.Join(" and ", known)}");
    }

    private static string Word(ModelKind kind) => kind switch
    {
        ModelKind.Policy => "policy",
        ModelKind.Scorer => "scorer",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static DateTimeOffset Created(string path, JsonObject json)
    {
        var text = Text(path, json, "created");
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var created)
            ? created
            : throw Error(path, $"created is \"{text}\", not a time such as 2026-01-31T12:00:00Z");
    }

    private static Dictionary<string, string> Files(string path, JsonObject json)
    {
        if (json["files"] is not JsonObject listed || listed.Count == 0)
        {
            throw Error(path, "files must be an object of file name to sha256");
        }

        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, node) in listed)
        {
            if (!IsFileName(name))
            {
                throw Error(path, $"files lists \"{name}\", which is not the name of a file of the folder itself");
            }

            files[name] = node is JsonValue value && value.TryGetValue<string>(out var hash) && IsHash(hash)
                ? hash
                : throw Error(path, $"files: the sha256 of \"{name}\" must be {HashLength} lower-case hex digits");
        }

        return files;
    }

    private static bool IsHash(string text) => text.Length == HashLength && text.All(char.IsAsciiHexDigitLower);

    private static string Text(string path, JsonObject json, string field) =>
        OptionalText(path, json, field) is { Length: > 0 } text ? text : throw Error(path, $"{field} is missing");

    private static string? OptionalText(string path, JsonObject json, string field) => json[field] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => throw Error(path, $"{field} must be text"),
    };

    private static JsonObject? OptionalObject(string path, JsonObject json, string field) => json[field] switch
    {
        null => null,
        JsonObject value => (JsonObject)value.DeepClone(),           // a node knows its root, which would keep the whole file alive
        _ => throw Error(path, $"{field} must be an object"),
    };

    private static ManifestException Error(string path, string what) => new($"{path}: {what}.");
}
