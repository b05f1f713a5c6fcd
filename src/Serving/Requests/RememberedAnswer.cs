using Microsoft.AspNetCore.Http;

namespace Serving.Requests;

/// <summary>A whole answer (status 200) as it went out, to be given again. Immutable.</summary>
/// <param name="ContentType">Of the answer.</param>
/// <param name="Body">Its bytes; of a stream, all its frames but the pings.</param>
public sealed record RememberedAnswer(string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>Tells the caller that this answer is an earlier one (Stripe's name for it).</summary>
    public const string ReplayHeader = "Idempotent-Replayed";

    /// <summary>Gives it again.</summary>
    public async Task WriteAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        response.ContentType = ContentType;
        response.ContentLength = Body.Length;
        response.Headers[ReplayHeader] = "true";
        response.Headers.CacheControl = "no-cache";
        await response.Body.WriteAsync(Body, cancellationToken);
    }
}
