using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>Reads a request body as one JSON document; whatever is wrong with it is an <see cref="ApiException"/>.</summary>
public static class RequestBody
{
    public static async Task<JsonDocument> ReadAsync(HttpRequest request, RequestOptions options, CancellationToken cancellationToken)
    {
        if (request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true } || request.ContentLength == 0)
        {
            throw new ApiException(ApiError.BadRequest("The request has no body: send a JSON object.", null, "missing_body"));
        }

        RefuseOtherMedia(request);
        try
        {
            return await JsonDocument.ParseAsync(request.Body, new JsonDocumentOptions { MaxDepth = options.MaxJsonDepth }, cancellationToken);
        }
        catch (JsonException exception)
        {
            throw NotJson(exception);
        }
    }

    /// <summary>The same for a body that is already in memory.</summary>
    public static JsonDocument Parse(ReadOnlyMemory<byte> body, RequestOptions options)
    {
        if (body.Length > options.MaxBodyBytes)
        {
            throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
        }

        try
        {
            return JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = options.MaxJsonDepth });
        }
        catch (JsonException exception)
        {
            throw NotJson(exception);
        }
    }

    private static ApiException NotJson(JsonException exception) =>
        new(ApiError.BadRequest($"The body is not valid JSON: {exception.Message}", null, "invalid_json"));

    private static void RefuseOtherMedia(HttpRequest request)
    {
        var isJson = MediaTypeHeaderValue.TryParse(request.ContentType, out var media)
            && (Is(media.MediaType, "application/json") || Is(media.Suffix, "json"))
            && (!media.Charset.HasValue || Is(media.Charset, "utf-8") || Is(media.Charset, "\"utf-8\""));
        if (!isJson || request.Headers.ContentEncoding.Count > 0)
        {
            throw new ApiException(new ApiError(
                StatusCodes.Status415UnsupportedMediaType,
                ApiError.InvalidRequest,
                "unsupported_media_type",
                "Send the body as JSON in UTF-8, not compressed, with the header Content-Type: application/json."));
        }

        static bool Is(StringSegment actual, string expected) => actual.Equals(expected, StringComparison.OrdinalIgnoreCase);
    }
}
