using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>
/// Frames of one server-sent stream, as every client measured takes them (SERVING 4.4): data frames and comments, never a named event. The
/// headers leave with the first frame, so a failure before it is still an ordinary error answer. With an attempt the frames are kept beside, and a
/// caller that leaves does not end them. Not thread-safe.
/// </summary>
internal sealed class EventStream(HttpResponse response, Attempt? attempt, CancellationToken cancellationToken)
{
    private const string ContentType = "text/event-stream";

    private readonly MemoryStream? _kept = attempt is null ? null : new MemoryStream();

    public async Task DataAsync(byte[] json)
    {
        var frame = Frame("data: "u8, json);
        _kept?.Write(frame);
        await SendAsync(frame);
    }

    /// <summary>A comment line: keeps proxies and clients from giving up on a silent connection.</summary>
    public Task PingAsync() => SendAsync(Frame(": "u8, "ping"u8));

    /// <summary>The stream is whole; it is remembered before its caller can know.</summary>
    public async Task DoneAsync()
    {
        var frame = Frame("data: "u8, "[DONE]"u8);
        if (_kept is not null)
        {
            _kept.Write(frame);
            attempt!.Complete(new RememberedAnswer(ContentType, _kept.ToArray()));
        }

        await SendAsync(frame);
    }

    private static byte[] Frame(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content) => [.. prefix, .. content, .. "\n\n"u8];

    private async Task SendAsync(byte[] frame)
    {
        if (_kept is not null && cancellationToken.IsCancellationRequested)
        {
            return;
        }

        if (!response.HasStarted)
        {
            response.ContentType = ContentType;
            response.Headers.CacheControl = "no-cache";
            response.Headers["X-Accel-Buffering"] = "no";              // nginx would hold the frames back
            response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }

        try
        {
            // One write per frame: a reader never sees half of one unless the network splits it.
            await response.Body.WriteAsync(frame, cancellationToken);
            await response.Body.FlushAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (_kept is not null && cancellationToken.IsCancellationRequested)
        {
            // The caller has gone; what is still made goes to the one who comes again.
        }
    }
}
