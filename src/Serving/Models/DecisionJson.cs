using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>Layout of a decision's file: strict about the fields that we know, tolerant of those that a later version may add.</summary>
internal static class DecisionJson
{
    private static readonly FrozenDictionary<string, DecisionKind> _kinds =
        Enum.GetValues<DecisionKind>().ToFrozenDictionary(Word, StringComparer.Ordinal);

    public static string Word(DecisionKind kind) => kind switch
    {
        DecisionKind.Promote => "promote",
        DecisionKind.Hold => "hold",
        DecisionKind.RollBack => "roll-back",
        DecisionKind.Pin => "pin",
        DecisionKind.Unpin => "unpin",
        DecisionKind.Retire => "retire",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <exception cref="ModelException">The file is no decision of this number; the message names file and field.</exception>
    public static Decision Read(string path, int number)
    {
        var json = JsonFile.ReadObject(path, message => new ModelException(message));
        var stated = Number(path, json, "number");
        if (stated != number)
        {
            throw Error(path, $"number is {stated}, but the file's name says {number}: it was copied or renamed");
        }

        var kind = Text(path, json, "kind");
        return new Decision(
            _kinds.TryGetValue(kind, out var known)
                ? known
                : throw Error(path, $"kind is \"{kind}\"; this program knows {string.Join(", ", _kinds.Keys.Order(StringComparer.Ordinal))}"),
            Version(path, json, "version") ?? throw Error(path, "version is missing"),
            Text(path, json, "by"),
            Text(path, json, "reason"))
        {
            Number = number,
            Time = Time(path, json),
            From = Version(path, json, "from"),
            Inputs = json["inputs"] switch
            {
                null => null,
                JsonObject inputs => (JsonObject)inputs.DeepClone(),
                _ => throw Error(path, "inputs must be an object"),
            },
        };
    }

    public static string Write(Decision decision)
    {
        var json = new JsonObject
        {
            ["number"] = decision.Number,
            ["time"] = decision.Time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["kind"] = Word(decision.Kind),
            ["version"] = ModelId.Text(decision.Version),
            ["from"] = decision.From is { } from ? ModelId.Text(from) : null,
            ["by"] = decision.By,
            ["reason"] = decision.Reason,
            ["inputs"] = decision.Inputs?.DeepClone(),
        };
        return json.ToJsonString(JsonFile.Indented) + "\n";
    }

    private static int Number(string path, JsonObject json, string field) =>
        json[field] is JsonValue value && value.TryGetValue<int>(out var number) ? number : throw Error(path, $"{field} must be a whole number");

    private static string Text(string path, JsonObject json, string field) => json[field] switch
    {
        null => throw Error(path, $"{field} is missing"),
        JsonValue value when value.TryGetValue<string>(out var text) && text.Length > 0 => text,
        _ => throw Error(path, $"{field} must be text"),
    };

    private static int? Version(string path, JsonObject json, string field)
    {
        if (json[field] is null)
        {
            return null;
        }

        var text = Text(path, json, field);
        return ModelId.ParseVersion(text) ?? throw Error(path, $"{field} \"{text}\" is not a whole number from 1");
    }

    private static DateTimeOffset Time(string path, JsonObject json)
    {
        var text = Text(path, json, "time");
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var time)
            ? time
            : throw Error(path, $"time is \"{text}\", not a time such as 2026-01-31T12:00:00Z");
    }

    private static ModelException Error(string path, string what) => new($"{path}: {what}.");
}
