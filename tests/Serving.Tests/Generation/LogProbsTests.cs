using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Inference;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class LogProbsTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "Real-time strategy game of ancient warfare.";
    private const string Fields = """ "seed":2,"max_tokens":12,"ignore_eos":true,"logprobs":true,"top_logprobs":5 """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Most_probable_tokens_come_best_first_with_their_bytes()
    {
        var app = await fixture.AppAsync(Token);

        var tokens = (await app.ChatAsync("anchor", Message, Fields, Token)).Json["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        var greedy = (await app.ChatAsync("anchor", Message, Fields + ",\"temperature\":0", Token)).Json["choices"]![0]!["logprobs"]!["content"]!.AsArray();

        Assert.Equal(12, tokens.Count);
        foreach (var token in tokens)
        {
            var top = token!["top_logprobs"]!.AsArray();
            float[] logProbs = [.. top.Select(t => (float)t!["logprob"]!)];
            Assert.Equal(5, top.Count);
            Assert.Equal(logProbs.OrderDescending(), logProbs);
            Assert.True((float)token["logprob"]! <= logProbs[0]);
            Assert.Equal(["token", "logprob", "bytes"], top[0]!.AsObject().Select(p => p.Key));
        }

        Assert.All(greedy, t => Assert.Equal(t!["bytes"]!.ToJsonString(), t["top_logprobs"]![0]!["bytes"]!.ToJsonString()));
        Assert.All(greedy, t => Assert.Equal((float)t!["logprob"]!, (float)t["top_logprobs"]![0]!["logprob"]!));
    }

    [Fact]
    public async Task The_text_route_gives_them_as_objects_that_hold_the_token_itself()
    {
        var app = await fixture.AppAsync(Token);

        var logProbs = (await CompleteAsync(app, "\"<s>Perl module<sum>\"", "\"logprobs\":3")).Json["choices"]![0]!["logprobs"]!;

        var top = logProbs["top_logprobs"]!.AsArray();
        Assert.Equal(logProbs["tokens"]!.AsArray().Count, top.Count);
        for (var i = 0; i < top.Count; i++)
        {
            Assert.InRange(top[i]!.AsObject().Count, 1, 4);
            Assert.True(top[i]!.AsObject().ContainsKey((string)logProbs["tokens"]![i]!));
        }
    }

    [Theory]
    [InlineData("distilled", "")]
    [InlineData("distilled", ",\"stop\":\"e\"")]
    [InlineData("best-of-n", ",\"best_of_n\":{\"n\":4},\"n\":2")]
    public async Task Chunks_of_a_stream_carry_the_log_probs_of_what_they_show(string model, string more)
    {
        var app = await fixture.AppAsync(Token);
        var whole = await app.ChatAsync(model, Message, Fields + more, Token);

        var chunks = await StreamAsync(app, "/v1/chat/completions", ServingApp.ChatBody(model, Message, Fields + more + ",\"stream\":true"));

        for (var i = 0; i < whole.Json["choices"]!.AsArray().Count; i++)
        {
            var mine = chunks.Where(c => (int)c["index"]! == i).ToArray();
            var tokens = mine.Where(c => c["logprobs"] is not null).SelectMany(c => c["logprobs"]!["content"]!.AsArray()).Select(t => t!.ToJsonString()).ToArray();
            Assert.Equal(whole.Json["choices"]![i]!["logprobs"]!["content"]!.AsArray().Select(t => t!.ToJsonString()), tokens);
            Assert.All(mine, c => Assert.True(c["logprobs"] is null || c["logprobs"]!["content"]!.AsArray().Count > 0));
            Assert.True(model == "best-of-n" || mine.Count(c => c["logprobs"] is not null) > 1 || tokens.Length < 2, "they are to come with their text");
        }
    }

    [Theory]
    [InlineData("\"<s>Perl module to parse dates<sum>\"")]
    [InlineData("[1,40,41,42,43]")]
    [InlineData("[1]")]
    public async Task An_echoed_prompt_has_the_log_probs_of_its_own_tokens(string prompt)
    {
        var app = await fixture.AppAsync(Token);
        using var lease = app.Services.GetRequiredService<PolicyRegistry>().Acquire("distilled")!;
        var tokenizer = lease.Value.Tokenizer;
        var ids = prompt[0] == '[' ? JsonNode.Parse(prompt)!.AsArray().Select(id => (int)id!).ToArray() : tokenizer.EncodePrompt((string)JsonNode.Parse(prompt)!);
        var text = prompt[0] == '[' ? tokenizer.Decode(ids) : (string)JsonNode.Parse(prompt)!;
        var expected = ids.Length == 1 ? Array.Empty<float>() : await lease.Value.Engine.ScoreTokensAsync(ids[..1], ids[1..], Token);

        var plain = (await CompleteAsync(app, prompt, "\"logprobs\":2")).Json["choices"]![0]!;
        var echoed = (await CompleteAsync(app, prompt, "\"logprobs\":2,\"echo\":true")).Json["choices"]![0]!;
        var alone = (await CompleteAsync(app, prompt, "\"logprobs\":2,\"echo\":true", maxTokens: 0)).Json;

        Assert.Equal(text + (string?)plain["text"], (string?)echoed["text"]);
        var values = echoed["logprobs"]!["token_logprobs"]!.AsArray();
        Assert.Null(values[0]);
        Assert.Null(echoed["logprobs"]!["top_logprobs"]![0]);
        Assert.Equal(expected, values.Skip(1).Take(expected.Length).Select(v => (float)v!));
        Assert.Equal(plain["logprobs"]!["token_logprobs"]!.AsArray().Select(v => (float)v!), values.Skip(ids.Length).Select(v => (float)v!));
        int[] offsets = [.. echoed["logprobs"]!["text_offset"]!.AsArray().Select(o => (int)o!)];
        Assert.Equal(offsets.Order(), offsets);
        for (var i = 0; i < ids.Length; i++)
        {
            Assert.StartsWith((string)echoed["logprobs"]!["tokens"]![i]!, text[offsets[i]..], StringComparison.Ordinal);
        }

        Assert.Equal(text.Length, offsets[ids.Length]);
        Assert.Equal((text, 0), ((string?)alone["choices"]![0]!["text"], (int)alone["usage"]!["completion_tokens"]!));
        Assert.Equal(ids.Length, alone["choices"]![0]!["logprobs"]!["tokens"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_stream_that_echoes_begins_with_the_prompt_and_equals_the_whole()
    {
        var app = await fixture.AppAsync(Token);
        const string prompts = """["<s>Perl module<sum>","<s>GNU R package<sum>"]""";
        var whole = await CompleteAsync(app, prompts, "\"echo\":true,\"logprobs\":1,\"n\":2");

        var chunks = await StreamAsync(app, "/v1/completions", Body(prompts, "\"echo\":true,\"logprobs\":1,\"n\":2,\"stream\":true", 9));

        Assert.Equal(4, whole.Json["choices"]!.AsArray().Count);
        for (var i = 0; i < 4; i++)
        {
            var mine = chunks.Where(c => (int)c["index"]! == i).ToArray();
            Assert.Equal(i < 2 ? "<s>Perl module<sum>" : "<s>GNU R package<sum>", (string?)mine[0]["text"]);
            Assert.Equal(whole.Text(i), string.Concat(mine.Select(c => (string?)c["text"])));
            foreach (var column in (string[])["tokens", "token_logprobs", "top_logprobs", "text_offset"])
            {
                var streamed = mine.Where(c => c["logprobs"] is not null).SelectMany(c => c["logprobs"]![column]!.AsArray()).Select(v => v?.ToJsonString());
                Assert.Equal(whole.Json["choices"]![i]!["logprobs"]![column]!.AsArray().Select(v => v?.ToJsonString()), streamed);
            }
        }
    }

    private static string Body(string prompt, string fields, int maxTokens) =>
        $$"""{"model":"distilled","prompt":{{prompt}},"seed":2,"max_tokens":{{maxTokens}},"ignore_eos":true,{{fields}}}""";

    private static Task<Reply> CompleteAsync(ServingApp app, string prompt, string fields, int maxTokens = 9) =>
        app.PostAsync("/v1/completions", Body(prompt, fields, maxTokens), Token);

    private static async Task<JsonNode[]> StreamAsync(ServingApp app, string path, string body)
    {
        using var response = await app.StreamAsync(path, body, Token);
        var frames = (await response.Content.ReadAsStringAsync(Token)).Split("\n\n").Where(frame => frame.StartsWith("data: {", StringComparison.Ordinal));
        return [.. frames.SelectMany(frame => JsonNode.Parse(frame["data: ".Length..])!["choices"]!.AsArray()).Select(choice => choice!)];
    }
}
