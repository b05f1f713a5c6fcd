using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Batch;

/// <summary>
/// One line of OpenAI's batch form: {"custom_id", "method": "POST", "url", "body"}, and the line that answers it. Immutable. A line that is no request
/// has a <see cref="Fault"/>.
/// </summary>
internal sealed class RequestLine
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private RequestLine(string? customId, string url, byte[] body, ApiError? fault)
    {
        CustomId = customId;
        Url = url;
        Body = body;
        Fault = fault;
    }

    public string? CustomId { get; }

    public string Url { get; }

    /// <summary>The body as it stands in the line.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Why the line is no request, or null.</summary>
    public ApiError? Fault { get; }

    /// <summary>True for a line that looks like a request, whatever is wrong with it; null where the line is no JSON object and tells nothing.</summary>
    public static bool? Looks(Line line)
    {
        try
        {
            using var document = JsonDocument.Parse(line.Bytes);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.TryGetProperty("custom_id", out _) && document.RootElement.TryGetProperty("url", out _)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads a line; never throws on its content.</summary>
    public static RequestLine Parse(Line line)
    {
        if (line.TooLong)
        {
            return Bad(null, $"The line is longer than {Line.Longest} bytes.", null);
        }

        if (!Utf8.IsValid(line.Bytes.Span))
        {
            return Bad(null, "The line is not valid UTF-8.", null);
        }

        string? customId = null;
        try
        {
            using var document = JsonDocument.Parse(line.Bytes, new JsonDocumentOptions { MaxDepth = 1001 });       // the body's own limit is looked at with the body
            var fields = new RequestFields(document.RootElement, "");
            customId = fields.Text("custom_id") ?? throw RequestFields.Missing("custom_id", "your own name for the request.");
            var method = fields.Text("method") ?? throw RequestFields.Missing("method", "\"POST\".");
            var url = fields.Text("url") ?? throw RequestFields.Missing("url", "the route, as \"/v1/score\".");
            var body = fields.Value("body") ?? throw RequestFields.Missing("body", "what would be posted to the route.");
            return method == "POST"
                ? new RequestLine(customId, url, JsonMarshal.GetRawUtf8Value(body).ToArray(), null)
                : throw RequestFields.Invalid("method", "must be \"POST\".");
        }
        catch (JsonException e)
        {
            return Bad(customId, $"The line is not valid JSON: {e.Message}", "invalid_json");
        }
        catch (ApiException e)
        {
            return new RequestLine(customId, "", [], e.Error);
        }
    }

    /// <summary>{"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error": null} and a line break.</summary>
    /// <param name="id">Of the request.</param>
    /// <param name="status">HTTP's.</param>
    /// <param name="body">What the server would send.</param>
    public byte[] Answer(Guid id, int status, ReadOnlySpan<byte> body)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, _readable))
        {
            json.WriteStartObject();
            json.WriteString("id", $"batch_req_{id:N}");
            json.WriteString("custom_id", CustomId);
            json.WriteStartObject("response");
            json.WriteNumber("status_code", status);
            json.WriteString("request_id", $"req-{id:N}");
            json.WritePropertyName("body");
            json.WriteRawValue(body, skipInputValidation: true);
            json.WriteEndObject();
            json.WriteNull("error");
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }

    private static RequestLine Bad(string? customId, string message, string? code) =>
        new(customId, "", [], ApiError.BadRequest(message, null, code ?? "invalid_value"));
}
