using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class ErrorAnswersTests(ErrorAnswersTests.SmallBodies fixture) : IClassFixture<ErrorAnswersTests.SmallBodies>
{
    private const string Chat = "/v1/chat/completions";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("{", null, "invalid_json")]
    [InlineData("{\"model\":}", null, "invalid_json")]
    [InlineData("\"text\"", null, "invalid_type")]
    [InlineData("{} {}", null, "invalid_json")]
    [InlineData("{\"model\":\"m\",}", null, "invalid_json")]
    [InlineData("", null, "missing_body")]
    [InlineData("{\"\\ud800\":1,\"model\":\"distilled\",\"messages\":[]}", null, "invalid_value")]
    [InlineData("{\"model\":\"distilled\"}", "messages", "missing_required_parameter")]
    [InlineData("{\"model\":\"distilled\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":\"hot\"}", "temperature", "invalid_type")]
    [InlineData("{\"model\":\"distilled\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":0}", "max_tokens", "invalid_value")]
    public async Task A_bad_body_is_a_400_in_the_common_shape(string body, string? parameter, string code)
    {
        var app = await fixture.AppAsync(Token);

        await AssertError(await app.PostAsync(Chat, body, Token), HttpStatusCode.BadRequest, code, parameter);
        await AssertError(await app.PostAsync("/v1/completions", body.Replace("\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]", "\"prompt\":\"x\"", StringComparison.Ordinal), Token),
            HttpStatusCode.BadRequest, code, parameter == "messages" ? "prompt" : parameter);
    }

    [Fact]
    public async Task Bytes_that_are_not_unicode_are_a_400()
    {
        var app = await fixture.AppAsync(Token);
        byte[] body = [.. "{\"model\":\"distilled\",\"messages\":[{\"role\":\"user\",\"content\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}]}"u8];

        await AssertError(await Send(app, Chat, new ByteArrayContent(body) { Headers = { ContentType = Json } }), HttpStatusCode.BadRequest, null, null);
    }

    [Fact]
    public async Task A_body_nested_too_deeply_is_a_400()
    {
        var app = await fixture.AppAsync(Token);

        await AssertError(await app.PostAsync(Chat, new string('[', 900) + new string(']', 900), Token), HttpStatusCode.BadRequest, "invalid_json", null);
    }

    [Theory]
    [InlineData("text/plain", null)]
    [InlineData("application/x-www-form-urlencoded", null)]
    [InlineData("application/json; charset=utf-16", null)]
    [InlineData("application/json", "gzip")]
    [InlineData(null, null)]
    public async Task A_body_of_another_kind_is_a_415(string? type, string? encoding)
    {
        var app = await fixture.AppAsync(Token);
        var content = new ByteArrayContent("{}"u8.ToArray());
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        if (encoding is not null)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }

        await AssertError(await Send(app, Chat, content), HttpStatusCode.UnsupportedMediaType, "unsupported_media_type", null);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_that_is_too_large_is_a_413(bool chunked)
    {
        var app = await fixture.AppAsync(Token);
        var content = new StringContent(ServingApp.ChatBody("distilled", new string('x', 5000), ""), Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = content };
        request.Headers.TransferEncodingChunked = chunked;

        using var response = await app.Client.SendAsync(request, Token);

        await AssertError(await Reply.ReadAsync(response, Token), HttpStatusCode.RequestEntityTooLarge, "request_too_large", null);
    }

    [Fact]
    public async Task A_request_without_any_body_is_a_400()
    {
        var app = await fixture.AppAsync(Token);

        await AssertError(await Send(app, Chat, null), HttpStatusCode.BadRequest, "missing_body", null);
    }

    [Theory]
    [InlineData("POST", "/v1/nothing", HttpStatusCode.NotFound, "unknown_url")]
    [InlineData("GET", "/v1/chat", HttpStatusCode.NotFound, "unknown_url")]
    [InlineData("GET", "/", HttpStatusCode.NotFound, "unknown_url")]
    [InlineData("GET", "/v1/chat/completions", HttpStatusCode.MethodNotAllowed, "method_not_allowed")]
    [InlineData("DELETE", "/v1/completions", HttpStatusCode.MethodNotAllowed, "method_not_allowed")]
    [InlineData("POST", "/v1/models", HttpStatusCode.MethodNotAllowed, "method_not_allowed")]
    public async Task Unknown_routes_and_methods_have_the_common_shape_too(string method, string path, HttpStatusCode status, string code)
    {
        var app = await fixture.AppAsync(Token);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var response = await app.Client.SendAsync(request, Token);

        await AssertError(await Reply.ReadAsync(response, Token), status, code, null);
        Assert.Equal(status == HttpStatusCode.MethodNotAllowed, response.Content.Headers.Allow.Count > 0);
    }

    [Fact]
    public async Task An_unknown_model_is_a_404_that_lists_those_there_are()
    {
        var app = await fixture.AppAsync(Token);

        foreach (var model in (string[])["gpt-4o", "anchor@2", "", "@", "../anchor"])
        {
            var reply = await app.ChatAsync(model, "x", "", Token);

            await AssertError(reply, HttpStatusCode.NotFound, "model_not_found", "model");
            Assert.All((string[])["best-of-n", "distilled", "anchor@1", "student@1"], known => Assert.Contains(known, (string?)reply.Json["error"]!["message"], StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("best-of-n")]
    [InlineData("distilled")]
    public async Task A_prompt_that_leaves_no_room_is_a_400(string model)
    {
        var app = await fixture.AppAsync(Token);
        var text = string.Concat(Enumerable.Repeat("address ", 150));

        await AssertError(await app.ChatAsync(model, text, "", Token), HttpStatusCode.BadRequest, "context_length_exceeded", "messages");
        await AssertError(await app.PostAsync("/v1/completions", $$"""{"model":"{{model}}","prompt":"{{text}}"}""", Token), HttpStatusCode.BadRequest, "context_length_exceeded", "prompt");
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("[]")]
    [InlineData("[320]")]
    [InlineData("[1,2147483647]")]
    [InlineData("[1,-1]")]
    public async Task A_prompt_that_no_policy_knows_is_a_400(string prompt)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync("/v1/completions", $$"""{"model":"distilled","prompt":{{prompt}}}""", Token);

        Assert.StartsWith("prompt", (string?)reply.Json["error"]!["param"], StringComparison.Ordinal);
        await AssertError(reply, HttpStatusCode.BadRequest, null, null);
    }

    [Fact]
    public async Task A_token_limit_beyond_the_context_is_no_error()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("distilled", "x", """ "max_tokens":2147483647,"ignore_eos":true """, Token);

        Assert.Equal("length", (string?)reply.Json["choices"]![0]!["finish_reason"]);
    }

    [Fact]
    public async Task Every_answer_has_a_request_id_and_keeps_a_well_formed_one()
    {
        var app = await fixture.AppAsync(Token);

        Assert.Equal("mine-1", (await With("mine-1")).Header("x-request-id"));
        Assert.StartsWith("req-", (await With("not well-formed")).Header("x-request-id"), StringComparison.Ordinal);
        Assert.NotEqual((await With(null)).Header("x-request-id"), (await With(null)).Header("x-request-id"));
        Assert.NotNull((await app.PostAsync("/v1/none", "{}", Token)).Header("x-request-id"));

        async Task<Reply> With(string? id)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/livez");
            if (id is not null)
            {
                request.Headers.Add("x-request-id", id);
            }

            using var response = await app.Client.SendAsync(request, Token);
            return await Reply.ReadAsync(response, Token);
        }
    }

    private static MediaTypeHeaderValue Json => new("application/json");

    private static async Task<Reply> Send(ServingApp app, string path, HttpContent? content)
    {
        using var response = await app.Client.PostAsync(new Uri(path, UriKind.Relative), content, Token);
        return await Reply.ReadAsync(response, Token);
    }

    // After every error the server must still answer, and nothing may have been logged as a fault.
    private async Task AssertError(Reply reply, HttpStatusCode status, string? code, string? parameter)
    {
        var app = await fixture.AppAsync(Token);
        Assert.Equal(status, reply.Status);
        Assert.Equal("application/json", reply.ContentHeaders.ContentType!.MediaType);
        var error = Assert.Single(reply.Json.AsObject()).Value!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(p => p.Key));
        Assert.Equal("invalid_request_error", (string?)error["type"]);
        Assert.True(((string)error["message"]!).Length > 10);
        Assert.NotNull(reply.Header("x-request-id"));
        Assert.Null(reply.Header("Retry-After"));
        if (code is not null)
        {
            Assert.Equal((code, parameter), ((string?)error["code"], (string?)error["param"]));
        }

        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    /// <summary>A server that takes small bodies only.</summary>
    public sealed class SmallBodies : IAsyncDisposable
    {
        private readonly ServingApp _app = new(new Dictionary<string, string> { ["Requests:MaxBodyBytes"] = "4096" });

        public Task<ServingApp> AppAsync(CancellationToken cancellationToken) => _app.ReadyAsync(cancellationToken);

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
