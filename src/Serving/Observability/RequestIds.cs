using Microsoft.AspNetCore.Http;

namespace Serving.Observability;

/// <summary>Gives every response an x-request-id: the caller's own when it is well-formed, else a new one. Stateless middleware.</summary>
public sealed class RequestIds(RequestDelegate next, TimeProvider time)
{
    public const string Header = "x-request-id";

    private const int MaxLength = 128;

    public Task InvokeAsync(HttpContext context)
    {
        var given = context.Request.Headers[Header];
        var id = given is [{ } one] && IsWellFormed(one) ? one : $"req-{Guid.CreateVersion7(time.GetUtcNow()):N}";
        context.TraceIdentifier = id;

        // Set when the headers leave: an error answer clears the headers before it.
        context.Response.OnStarting(
            static state =>
            {
                var (response, requestId) = ((HttpResponse, string))state;
                response.Headers[Header] = requestId;
                return Task.CompletedTask;
            },
            (context.Response, id));
        return next(context);
    }

    // Ids go into logs and headers, so nothing that could forge a line of either.
    private static bool IsWellFormed(string id) =>
        id.Length is > 0 and <= MaxLength && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':');
}
