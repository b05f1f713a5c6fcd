using System.Text.Json;
using System.Text.Unicode;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>One input line, read, and the output line made from it. Immutable. Values that are passed on keep their exact text.</summary>
internal sealed class PairLine
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    private readonly List<(string Name, string Json)> _extra = [];

    private PairLine(string id, string? fault)
    {
        Id = id;
        Fault = fault;
    }

    /// <summary>The id as JSON; the line's number when it has none.</summary>
    public string Id { get; private set; }

    /// <summary>Why the line cannot be scored, or null.</summary>
    public string? Fault { get; private set; }

    public string Source { get; private set; } = "";

    public string Answer { get; private set; } = "";

    /// <summary>The id as a text: a JSON string without its quotes, anything else as it is.</summary>
    public string IdText => Id.StartsWith('"') ? JsonSerializer.Deserialize<string>(Id)! : Id;

    /// <summary>The other fields as one JSON object, or null when there are none.</summary>
    public string? Others => _extra.Count == 0 ? null
        : $"{{{string.Join(',', _extra.Select(extra => $"{JsonSerializer.Serialize(extra.Name)}:{extra.Json}"))}}}";

    /// <summary>Reads a line; never throws on its content.</summary>
    public static PairLine Parse(Line line)
    {
        var number = line.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (line.TooLong)
        {
            return new PairLine(number, $"the line is longer than {Line.Longest} bytes");
        }

        if (!Utf8.IsValid(line.Bytes.Span))
        {
            return new PairLine(number, "the line is not valid UTF-8");
        }

        var pair = new PairLine(number, fault: null);
        try
        {
            using var document = JsonDocument.Parse(line.Bytes, _strict);
            pair.Fault = pair.Read(document.RootElement);
        }
        catch (JsonException e)
        {
            pair.Fault = $"not valid JSON: {e.Message}";
        }
        catch (InvalidOperationException)
        {
            pair.Fault = "a text holds half of a surrogate pair";
        }

        return pair;
    }

    /// <summary>{"id", extra fields, "scores": {...}, "total"} and a line break.</summary>
    public byte[] Scored(Score score) => Write(json =>
    {
        foreach (var (name, value) in _extra)
        {
            json.WritePropertyName(name);
            json.WriteRawValue(value, skipInputValidation: true);
        }

        json.WriteStartObject("scores");
        foreach (var (scorer, value) in score.Values)
        {
            json.WriteNumber(scorer, value);
        }

        json.WriteEndObject();
        json.WriteNumber("total", score.Total);
    });

    /// <summary>{"id", "error": {"type", "message"}} and a line break.</summary>
    public byte[] Failed(string type, string message) => Write(json =>
    {
        json.WriteStartObject("error");
        json.WriteString("type", type);
        json.WriteString("message", message);
        json.WriteEndObject();
    });

    private string? Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return $"expected a JSON object with \"source\" and \"answer\", not {root.ValueKind}";
        }

        if (root.TryGetProperty("id", out var id) && id.ValueKind != JsonValueKind.Null)
        {
            Id = id.GetRawText();
        }

        foreach (var property in root.EnumerateObject())
        {
            switch (property.Name)
            {
                case "id" or "scores" or "total" or "error":
                    break;        // ours in the output
                case "source" when property.Value.ValueKind == JsonValueKind.String:
                    Source = property.Value.GetString()!;
                    break;
                case "answer" when property.Value.ValueKind == JsonValueKind.String:
                    Answer = property.Value.GetString()!;
                    break;
                case "source" or "answer":
                    return $"\"{property.Name}\" must be a string, not {property.Value.ValueKind}";
                default:
                    _extra.Add((property.Name, property.Value.GetRawText()));
                    break;
            }
        }

        return !root.TryGetProperty("source", out _) ? "\"source\" is missing" : !root.TryGetProperty("answer", out _) ? "\"answer\" is missing" : null;
    }

    private byte[] Write(Action<Utf8JsonWriter> rest)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WritePropertyName("id");
            json.WriteRawValue(Id, skipInputValidation: true);
            rest(json);
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }
}
