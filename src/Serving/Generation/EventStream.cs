using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Generation;

/// <summary>
/// Frames of one server-sent stream, as every client measured takes them (SERVING 4.4): data frames and comments, never a named event. The
/// headers leave with the first frame, so a failure before it is still an ordinary error answer. Not thread-safe.
/// </summary>
internal sealed class EventStream(HttpResponse response, CancellationToken cancellationToken)
{
    public Task DataAsync(byte[] json) => WriteAsync("data: "u8.ToArray(), json);

    /// <summary>A comment line: keeps proxies and clients from giving up on a silent connection.</summary>
    public Task PingAsync() => WriteAsync(": "u8.ToArray(), "ping"u8.ToArray());

    public Task DoneAsync() => DataAsync("[DONE]"u8.ToArray());

    private async Task WriteAsync(byte[] prefix, byte[] content)
    {
        if (!response.HasStarted)
        {
            response.ContentType = "text/event-stream";
            response.Headers.CacheControl = "no-cache";
            response.Headers["X-Accel-Buffering"] = "no";              // nginx would hold the frames back
            response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }

        // One write per frame: a reader never sees half of one unless the network splits it.
        byte[] frame = [.. prefix, .. content, .. "\n\n"u8];
        await response.Body.WriteAsync(frame, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}
