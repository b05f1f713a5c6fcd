using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>What makes two HTTP requests the same one, sent again. Immutable.</summary>
/// <param name="Digest">Names the request: of caller and key, or, without a key, of caller, route and body. 64 hex digits.</param>
/// <param name="Content">Digest of route and body: a key that comes with another content is a mistake. 64 hex digits.</param>
/// <param name="MayRepeat">The caller may have sent it before. False for a first attempt that has no key: then equal requests are two requests.</param>
public sealed record RequestIdentity(string Digest, string Content, bool MayRepeat)
{
    /// <summary>The caller's own name for a request.</summary>
    public const string KeyHeader = "Idempotency-Key";

    /// <summary>OpenAI's client libraries count with it how often they have sent a request before, from 0.</summary>
    public const string RetryHeader = "x-stainless-retry-count";

    private const int LongestKey = 255;

    /// <summary>Null for a request that says nothing of repeats: it has neither header.</summary>
    /// <exception cref="ApiException">The key is empty, too long, or there are several (400).</exception>
    public static RequestIdentity? Of(HttpRequest request, JsonElement body)
    {
        var key = Key(request);
        if (key is null && Retries(request) is null)
        {
            return null;
        }

        // Callers are told apart by what they identify themselves with, so nobody is ever given the answer of another.
        var caller = request.Headers.Authorization.ToString();
        var content = Hash(request.Path.Value ?? "", JsonMarshal.GetRawUtf8Value(body));
        return key is not null
            ? new RequestIdentity(Hash($"key\n{caller}\n{key}", []), content, MayRepeat: true)
            : new RequestIdentity(Hash($"body\n{caller}\n{content}", []), content, Retries(request) > 0);
    }

    private static string? Key(HttpRequest request)
    {
        var keys = request.Headers[KeyHeader];
        return keys.Count == 0 ? null
            : keys is [{ Length: > 0 and <= LongestKey } key] ? key
            : throw new ApiException(ApiError.BadRequest(
                $"Send one {KeyHeader} of 1 to {LongestKey} characters, such as a new UUID for each request.", KeyHeader, "invalid_idempotency_key"));
    }

    private static int? Retries(HttpRequest request) =>
        int.TryParse(request.Headers[RetryHeader].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var retries) ? retries : null;

    private static string Hash(string head, ReadOnlySpan<byte> rest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(head));
        hash.AppendData("\n"u8);
        hash.AppendData(rest);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
