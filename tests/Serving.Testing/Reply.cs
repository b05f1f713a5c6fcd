using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Serving.Testing;

/// <summary>An HTTP answer, read to its end.</summary>
public sealed record Reply(HttpStatusCode Status, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, string Body)
{
    /// <summary>The body as JSON.</summary>
    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>Text of choice <paramref name="index"/>, of either route.</summary>
    public string Text(int index = 0) => (string)(Json["choices"]![index]!["message"]?["content"] ?? Json["choices"]![index]!["text"])!;

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    public static async Task<Reply> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        new(response.StatusCode, response.Headers, response.Content.Headers, await response.Content.ReadAsStringAsync(cancellationToken));
}
