using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Testing;
using Serving.Tests.Grammar;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class ResponseFormatTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "Library of date functions.";

    private const string Schema =
        """{"type":"object","properties":{"title":{"type":"string","maxLength":10},"stars":{"type":"integer"},"kind":{"enum":["tool","library"]}},"required":["title","stars","kind"],"additionalProperties":false}""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_schema_is_satisfied_whole_streamed_and_by_the_text_route()
    {
        var app = await fixture.AppAsync(Token);
        using var schema = JsonDocument.Parse(Schema);
        for (var seed = 0; seed < 20; seed++)
        {
            var fields = $$""" "seed":{{seed}},"max_tokens":90,"temperature":1.4,"response_format":{{Format(Schema)}} """;
            var reply = await app.ChatAsync("distilled", Message, fields, Token);

            using var value = JsonDocument.Parse(reply.Text());
            Assert.Null(RandomSchema.Fault(schema.RootElement, value.RootElement));
            Assert.Equal("stop", (string?)reply.Json["choices"]![0]!["finish_reason"]);
        }

        var last = $$""" "seed":1,"max_tokens":90,"response_format":{{Format(Schema)}} """;
        var whole = await app.ChatAsync("distilled", Message, last, Token);
        using var response = await app.StreamAsync("/v1/chat/completions", ServingApp.ChatBody("distilled", Message, last + ",\"stream\":true"), Token);
        var frames = (await response.Content.ReadAsStringAsync(Token)).Split("\n\n").Where(frame => frame.StartsWith("data: {", StringComparison.Ordinal));
        Assert.Equal(whole.Text(), string.Concat(frames.Select(frame => (string?)JsonNode.Parse(frame["data: ".Length..])!["choices"]![0]!["delta"]!["content"])));

        var text = await app.PostAsync("/v1/completions", $$"""{"model":"distilled","prompt":"<s>x<sum>",{{last}}}""", Token);
        using var other = JsonDocument.Parse(text.Text());
        Assert.Null(RandomSchema.Fault(schema.RootElement, other.RootElement));
    }

    [Fact]
    public async Task Json_object_gives_an_object()
    {
        var app = await fixture.AppAsync(Token);
        for (var seed = 0; seed < 20; seed++)
        {
            var reply = await app.ChatAsync("distilled", Message, $$""" "seed":{{seed}},"max_tokens":60,"response_format":{"type":"json_object"} """, Token);

            using var value = JsonDocument.Parse(reply.Text());
            Assert.Equal(JsonValueKind.Object, value.RootElement.ValueKind);
        }
    }

    [Fact]
    public async Task Candidates_that_are_cut_off_are_ranked_behind_whole_ones()
    {
        var app = await fixture.AppAsync(Token);
        var mixed = false;
        for (var seed = 0; seed < 30 && !mixed; seed++)
        {
            // The stop string cuts some of them.
            var fields = $$""" "seed":{{seed}},"max_tokens":60,"temperature":1.5,"stop":["a"],"response_format":{"type":"json_object"},"best_of_n":{"n":8,"return":"ranked"} """;
            var report = (await app.ChatAsync("best-of-n", Message, fields, Token)).Json["best_of_n"]!;
            bool[] whole = [.. report["candidates"]!.AsArray().Select(c => IsObject((string)c!["text"]!))];
            double[] totals = [.. report["candidates"]!.AsArray().Select(c => (double)report["scores"]![(int)c!["index"]!]!["total"]!)];

            Assert.Equal(whole.OrderDescending(), whole);
            Assert.Equal(totals.OrderDescending(), totals);
            mixed = whole.Contains(true) && whole.Contains(false);
        }

        Assert.True(mixed, "no group had both kinds");
    }

    [Fact]
    public async Task An_answer_that_the_limit_cuts_off_says_so()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("distilled", Message, $$""" "max_tokens":8,"response_format":{{Format(Schema)}} """, Token);

        Assert.Equal("length", (string?)reply.Json["choices"]![0]!["finish_reason"]);
    }

    [Theory]
    [InlineData("{}", "response_format.type", "missing_required_parameter")]
    [InlineData("{\"type\":\"xml\"}", "response_format.type", "invalid_value")]
    [InlineData("{\"type\":\"json_schema\"}", "response_format.json_schema", "missing_required_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{}}}", "response_format.json_schema.name", "missing_required_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\"}}", "response_format.json_schema.schema", "missing_required_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":5}}", "response_format.json_schema.schema", "invalid_value")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"string\",\"pattern\":\"a\"}}}", "response_format.json_schema.schema.pattern", "unsupported_parameter")]
    [InlineData("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"const\":\"\\ud800\"}}}", "response_format.json_schema.schema", "invalid_value")]
    public async Task A_format_that_cannot_be_followed_is_a_400_that_names_it(string format, string parameter, string code)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync("/v1/completions", $$"""{"model":"distilled","prompt":"x","response_format":{{format}}}""", Token);

        Assert.Equal((HttpStatusCode.BadRequest, parameter, code), (reply.Status, (string?)reply.Json["error"]!["param"], (string?)reply.Json["error"]!["code"]));
    }

    private static string Format(string schema) => $$$"""{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{{{schema}}}}}""";

    private static bool IsObject(string text)
    {
        try
        {
            using var value = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
