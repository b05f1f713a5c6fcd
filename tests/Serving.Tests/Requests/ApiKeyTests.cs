using System.Net;
using System.Text;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Requests;

public sealed class ApiKeyTests : IAsyncDisposable
{
    private readonly ServingApp _app = new(new Dictionary<string, string> { ["Requests:ApiKeys:0"] = "first key", ["Requests:ApiKeys:1"] = "second" });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Theory]
    [InlineData("GET", "/v1/models")]
    [InlineData("POST", "/v1/chat/completions")]
    [InlineData("POST", "/v1/completions")]
    [InlineData("POST", "/score")]
    [InlineData("POST", "/v2/rerank")]
    [InlineData("POST", "/classify")]
    [InlineData("POST", "/get_reward")]
    [InlineData("GET", "/version")]
    [InlineData("GET", "/no/such/route")]
    public async Task Every_route_but_the_probes_asks_for_a_key(string method, string path)
    {
        foreach (var authorization in new[] { null, "Bearer wrong", "Bearer ", "Basic first key", "first key" })
        {
            var (status, code) = await Send(method, path, authorization);
            Assert.Equal((HttpStatusCode.Unauthorized, "invalid_api_key"), (status, code));
        }

        foreach (var authorization in new[] { "Bearer first key", "bearer second" })
        {
            Assert.NotEqual(HttpStatusCode.Unauthorized, (await Send(method, path, authorization)).Status);
        }
    }

    [Theory]
    [InlineData("/livez")]
    [InlineData("/readyz")]
    [InlineData("/health")]
    public async Task Probes_stay_open(string path)
    {
        Assert.NotEqual(HttpStatusCode.Unauthorized, (await Send("GET", path, null)).Status);
    }

    private async Task<(HttpStatusCode Status, string? Code)> Send(string method, string path, string? authorization)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST")
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }

        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using var response = await _app.Client.SendAsync(request, Token);
        var reply = await Reply.ReadAsync(response, Token);
        return (reply.Status, response.IsSuccessStatusCode ? null : (string?)reply.Json["error"]?["code"]);
    }
}
