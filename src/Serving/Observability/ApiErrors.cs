using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Serving.Observability;

/// <summary>
/// The one place where failures become answers: exceptions by the registered rules, and the framework's bare status codes (404, 405, 413,
/// 415). A client that has gone is not an error. Stateless middleware.
/// </summary>
public sealed partial class ApiErrors(RequestDelegate next, IEnumerable<ApiErrorRule> rules, ILogger<ApiErrors> logger)
{
    private const int ClientClosedRequest = 499;                       // nginx's number; nobody reads it but the access log

    private readonly ApiErrorRule[] _rules = [.. rules];

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = ClientClosedRequest;
            }

            return;
        }
        // A started answer cannot become an error any more: the exception goes on to Kestrel, which logs it and breaks the connection.
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            var error = Describe(exception);
            if (error.Status >= StatusCodes.Status500InternalServerError && error.RetryAfter is null)
            {
                Log.Failed(logger, context.Request.Path, context.TraceIdentifier, exception);
            }

            context.Response.Clear();
            await error.WriteAsync(context);
            return;
        }

        var response = context.Response;
        var isBare = !response.HasStarted && response.ContentLength is null && response.ContentType is null;
        if (response.StatusCode >= StatusCodes.Status400BadRequest && isBare)
        {
            await OfStatus(response.StatusCode, context.Request).WriteAsync(context);
        }
    }

    /// <summary>The error for an exception, also for one that strikes in mid-stream.</summary>
    public static ApiError Describe(Exception exception, IEnumerable<ApiErrorRule> rules)
    {
        foreach (var rule in rules)
        {
            if (rule(exception) is { } error)
            {
                return error;
            }
        }

        return exception switch
        {
            ApiException api => api.Error,
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => TooLarge,
            BadHttpRequestException bad => Refused(bad.StatusCode, "bad_request", bad.Message),
            // The message of an unforeseen exception may hold prompt text or paths: it goes to the log only.
            _ => Internal,
        };
    }

    private ApiError Describe(Exception exception) => Describe(exception, _rules);

    private static ApiError Internal => new(
        StatusCodes.Status500InternalServerError,
        ApiError.ServerError,
        "internal_error",
        "The server failed on this request; the log has the cause under the x-request-id.");

    private static ApiError TooLarge => Refused(
        StatusCodes.Status413PayloadTooLarge, "request_too_large", "The body is larger than this server accepts (Requests:MaxBodyBytes).");

    private static ApiError OfStatus(int status, HttpRequest request) => status switch
    {
        StatusCodes.Status404NotFound => Refused(status, "unknown_url", $"There is no route {request.Method} {request.Path}."),
        StatusCodes.Status405MethodNotAllowed => Refused(
            status, "method_not_allowed", $"{request.Path} does not take {request.Method}; the Allow header says what it takes."),
        StatusCodes.Status413PayloadTooLarge => TooLarge,
        StatusCodes.Status415UnsupportedMediaType => Refused(
            status, "unsupported_media_type", "Send the body as JSON with the header Content-Type: application/json."),
        >= StatusCodes.Status500InternalServerError => Internal with { Status = status },
        _ => Refused(status, "bad_request", $"The request was refused with status {status}."),
    };

    private static ApiError Refused(int status, string code, string message) => new(status, ApiError.InvalidRequest, code, message);

    private static partial class Log
    {
        [LoggerMessage(9000, LogLevel.Error, "Request {RequestId} to {Path} failed.")]
        public static partial void Failed(ILogger logger, string path, string requestId, Exception exception);
    }
}
