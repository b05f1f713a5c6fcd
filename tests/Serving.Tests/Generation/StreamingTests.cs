using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class StreamingTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "Python 3 bindings for the library.";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_chat_stream_is_framed_to_the_byte(bool usage)
    {
        var app = await fixture.AppAsync(Token);
        const string fields = """ "seed":3,"max_tokens":10,"ignore_eos":true """;
        var whole = await app.ChatAsync("distilled", Message, fields, Token);

        using var response = await app.StreamAsync(
            "/v1/chat/completions", ServingApp.ChatBody("distilled", Message, fields + ""","stream":true""" + (usage ? ""","stream_options":{"include_usage":true}""" : "")), Token);
        var raw = await response.Content.ReadAsStringAsync(Token);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl!.ToString());
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        var events = Events(raw);
        var texts = events.SelectMany(e => e["choices"]!.AsArray()).Select(c => (string?)c!["delta"]!["content"]).Where(t => t?.Length > 0).ToArray();
        Assert.Equal(whole.Text(), string.Concat(texts));
        Assert.True(texts.Length > 3, "the answer is to come in pieces");

        // The whole stream, byte by byte.
        var head = $$"""{"id":"{{events[0]["id"]}}","object":"chat.completion.chunk","created":{{events[0]["created"]}},"model":"student@1","system_fingerprint":"{{whole.Json["system_fingerprint"]}}","choices":[""";
        var expected = new StringBuilder();
        expected.Append("data: ").Append(head).Append("""{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}""").Append("\n\n");
        foreach (var text in texts)
        {
            expected.Append("data: ").Append(head).Append($$$"""{"index":0,"delta":{"content":{{{Quote(text!)}}}},"logprobs":null,"finish_reason":null}]}""").Append("\n\n");
        }

        expected.Append("data: ").Append(head).Append("""{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}""").Append("\n\n");
        if (usage)
        {
            expected.Append("data: ").Append(head).Append($$"""],"usage":{{events[^1]["usage"]!.ToJsonString()}}}""").Append("\n\n");
        }

        expected.Append("data: [DONE]\n\n");
        Assert.Equal(expected.ToString(), raw);
    }

    [Fact]
    public async Task A_text_stream_is_framed_to_the_byte()
    {
        var app = await fixture.AppAsync(Token);
        const string body = """{"model":"distilled","prompt":"<s>GNU R<sum>","seed":3,"max_tokens":6,"ignore_eos":true""";
        var whole = await app.PostAsync("/v1/completions", body + "}", Token);

        using var response = await app.StreamAsync("/v1/completions", body + ""","stream":true}""", Token);
        var raw = await response.Content.ReadAsStringAsync(Token);

        var events = Events(raw);
        var head = $$"""data: {"id":"{{events[0]["id"]}}","object":"text_completion","created":{{events[0]["created"]}},"model":"student@1","system_fingerprint":"{{whole.Json["system_fingerprint"]}}","choices":[""";
        var texts = events.Select(e => (string)e["choices"]![0]!["text"]!).Where(t => t.Length > 0).ToArray();
        Assert.Equal(whole.Text(), string.Concat(texts));
        Assert.Equal(
            string.Concat(texts.Select(t => $$"""{{head}}{"index":0,"text":{{Quote(t)}},"logprobs":null,"finish_reason":null}]}""" + "\n\n"))
                + head + """{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]}""" + "\n\ndata: [DONE]\n\n",
            raw);
    }

    [Fact]
    public async Task Several_answers_stream_side_by_side_and_equal_the_whole_ones()
    {
        var app = await fixture.AppAsync(Token);
        const string fields = """ "seed":6,"n":3,"max_tokens":12 """;
        var whole = await app.ChatAsync("distilled", Message, fields, Token);

        using var response = await app.StreamAsync("/v1/chat/completions", ServingApp.ChatBody("distilled", Message, fields + ""","stream":true,"stream_options":{"include_usage":true}"""), Token);
        var events = Events(await response.Content.ReadAsStringAsync(Token));

        Assert.Equal([0, 1, 2], events.Take(3).Select(e => (int)e["choices"]![0]!["index"]!));
        for (var i = 0; i < 3; i++)
        {
            var mine = events.Where(e => e["choices"]!.AsArray().Count > 0 && (int)e["choices"]![0]!["index"]! == i).ToArray();
            var expected = whole.Json["choices"]![i]!;
            Assert.Equal(whole.Text(i), string.Concat(mine.Select(e => (string?)e["choices"]![0]!["delta"]!["content"])));
            Assert.Equal((string?)expected["finish_reason"], (string?)mine[^1]["choices"]![0]!["finish_reason"]);
        }

        Assert.Equal((int)whole.Json["usage"]!["total_tokens"]!, (int)events[^1]["usage"]!["total_tokens"]!);
        Assert.Empty(events[^1]["choices"]!.AsArray());
    }

    [Fact]
    public async Task Best_of_n_streams_the_chosen_text_with_the_report_on_the_last_chunk()
    {
        var app = await fixture.AppAsync(Token);
        const string fields = """ "seed":6,"max_tokens":20,"best_of_n":{"n":6,"return":"ranked"} """;
        var whole = await app.ChatAsync("best-of-n", Message, fields, Token);

        using var response = await app.StreamAsync("/v1/chat/completions", ServingApp.ChatBody("best-of-n", Message, fields + ""","stream":true"""), Token);
        var raw = await response.Content.ReadAsStringAsync(Token);
        var events = Events(raw);

        Assert.Equal(whole.Text(), string.Concat(events.Select(e => (string?)e["choices"]![0]!["delta"]!["content"])));
        Assert.All(events[..^1], e => Assert.Null(e["best_of_n"]));
        Assert.Equal(whole.Json["best_of_n"]!.ToJsonString(), events[^1]["best_of_n"]!.ToJsonString());
        Assert.Equal((string?)whole.Json["choices"]![0]!["finish_reason"], (string?)events[^1]["choices"]![0]!["finish_reason"]);
        Assert.EndsWith("}\n\ndata: [DONE]\n\n", raw, StringComparison.Ordinal);
        Assert.DoesNotContain("event:", raw, StringComparison.Ordinal);
        Assert.Single(app.Episodes(), e => e.Id == (string?)events[0]["id"]);
    }

    [Fact]
    public async Task A_stream_that_is_refused_is_an_ordinary_error()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("distilled", string.Join(' ', Enumerable.Repeat(Message, 40)), """ "stream":true """, Token);

        Assert.Equal((HttpStatusCode.BadRequest, "context_length_exceeded"), (reply.Status, (string?)reply.Json["error"]!["code"]));
    }

    // Every frame must be exactly "data: <json>\n\n", the last one "data: [DONE]\n\n".
    private static JsonNode[] Events(string raw)
    {
        var frames = raw.Split("\n\n");
        Assert.Equal("", frames[^1]);
        Assert.Equal("data: [DONE]", frames[^2]);
        return [.. frames[..^2].Select(frame =>
        {
            Assert.StartsWith("data: ", frame, StringComparison.Ordinal);
            return JsonNode.Parse(frame["data: ".Length..])!;
        })];
    }

    private static string Quote(string text) => JsonValue.Create(text)!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
