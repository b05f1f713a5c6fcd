using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Serving.Observability;

/// <summary>
/// One failure as clients see it: the OpenAI error object with a string code, which every client library shows whole (SERVING 4.5; a
/// numeric code or problem details lose the text). Immutable.
/// </summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Type">Family, for programs that group errors: "invalid_request_error", "server_error", ...</param>
/// <param name="Code">The exact case, for programs that branch on it.</param>
/// <param name="Message">What was wrong and what to send instead.</param>
/// <param name="Parameter">Request field at fault, or null.</param>
/// <param name="RetryAfter">When a retry makes sense; null = the request must change first.</param>
public sealed record ApiError(int Status, string Type, string Code, string Message, string? Parameter = null, TimeSpan? RetryAfter = null)
{
    public const string InvalidRequest = "invalid_request_error";
    public const string ServerError = "server_error";

    private const string ShouldRetry = "x-should-retry";

    /// <summary>A 400 that names the field at fault.</summary>
    public static ApiError BadRequest(string message, string? parameter, string code = "invalid_value") =>
        new(StatusCodes.Status400BadRequest, InvalidRequest, code, message, parameter);

    /// <summary>A 503 for the time before everything is loaded.</summary>
    public static ApiError NotReady(string message) =>
        new(StatusCodes.Status503ServiceUnavailable, ServerError, "not_ready", message, RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>The body: {"error":{...}}.</summary>
    public ApiErrorBody Body => new(new ApiErrorDetail(Message, Type, Parameter, Code));

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(Body, ObservabilityJson.Readable.ApiErrorBody);

    /// <summary>Answers with this error. The response must not have started.</summary>
    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        if (RetryAfter is { } wait)
        {
            // The JS client reads all three, the .NET client Retry-After, which knows whole seconds only.
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            response.Headers["retry-after-ms"] = Math.Max(1, (long)wait.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            response.Headers[ShouldRetry] = "true";
        }
        else if (Status == StatusCodes.Status504GatewayTimeout)
        {
            // Clients retry every 5xx by themselves, but this request would take as long again.
            response.Headers[ShouldRetry] = "false";
        }

        return response.WriteAsJsonAsync(Body, ObservabilityJson.Readable.ApiErrorBody, cancellationToken: context.RequestAborted);
    }
}

/// <summary>The envelope of an error.</summary>
public sealed record ApiErrorBody(ApiErrorDetail Error);

/// <summary>The error object of the OpenAI convention; every member is always present.</summary>
public sealed record ApiErrorDetail(string Message, string Type, string? Param, string Code);

/// <summary>Carries an <see cref="ApiError"/> from where it is found to the edge.</summary>
public sealed class ApiException(ApiError error) : Exception(error.Message)
{
    public ApiError Error { get; } = error;
}

/// <summary>
/// Says how an exception of one room is answered; null = not mine. Registered as a singleton by the room that knows the exception, so that
/// this room depends on no other.
/// </summary>
public delegate ApiError? ApiErrorRule(Exception exception);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ApiErrorBody))]
[JsonSerializable(typeof(HealthBody))]
[JsonSerializable(typeof(VersionBody))]
internal sealed partial class ObservabilityJson : JsonSerializerContext
{
    /// <summary>Quotes and text beyond ASCII as they are: people read these bodies in terminals.</summary>
    public static ObservabilityJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
