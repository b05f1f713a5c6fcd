using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Inference;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class DirectAnswersTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "Real-time strategy game of ancient warfare.";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answer_k_is_candidate_k_of_the_group_with_the_same_seed()
    {
        var app = await fixture.AppAsync(Token);

        var plain = await app.ChatAsync("anchor", Message, """ "seed":4,"n":3 """, Token);
        var group = await app.ChatAsync("anchor", Message, """ "seed":4,"best_of_n":{"n":5,"return":"all"} """, Token);
        var single = await app.ChatAsync("anchor", Message, """ "seed":4 """, Token);

        var candidates = group.Json["best_of_n"]!["candidates"]!.AsArray();
        Assert.Equal(3, plain.Json["choices"]!.AsArray().Count);
        Assert.Equal(candidates.Take(3).Select(c => (string?)c!["text"]), Enumerable.Range(0, 3).Select(plain.Text));
        Assert.Equal(3, candidates.Take(3).Select(c => (string?)c!["text"]).Distinct().Count());
        Assert.Equal(plain.Text(), single.Text());
        Assert.Null(plain.Json["best_of_n"]);
    }

    [Fact]
    public async Task A_chat_answer_has_the_documented_shape()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("distilled", Message, """ "seed":1,"max_tokens":5,"ignore_eos":true """, Token);

        var json = reply.Json.AsObject();
        using var lease = app.Services.GetRequiredService<PolicyRegistry>().Acquire("distilled")!;
        var prompt = lease.Value.Tokenizer.Encode($"<s>{Message}<sum>").Length;
        var created = DateTimeOffset.FromUnixTimeSeconds((long)json["created"]!);
        Assert.Equal(["id", "object", "created", "model", "system_fingerprint", "choices", "usage"], json.Select(p => p.Key));
        Assert.Equal(("chat.completion", "student@1", lease.Value.Digest), ((string?)json["object"], (string?)json["model"], (string?)json["system_fingerprint"]));
        Assert.InRange(created, TimeProvider.System.GetUtcNow().AddHours(-1), TimeProvider.System.GetUtcNow());
        Assert.Equal(["index", "message", "logprobs", "finish_reason"], json["choices"]![0]!.AsObject().Select(p => p.Key));
        Assert.Equal(["role", "content", "refusal"], json["choices"]![0]!["message"]!.AsObject().Select(p => p.Key));
        Assert.Equal("length", (string?)json["choices"]![0]!["finish_reason"]);
        Assert.Equal(
            $$$"""{"prompt_tokens":{{{prompt}}},"completion_tokens":5,"total_tokens":{{{prompt + 5}}},"prompt_tokens_details":{"cached_tokens":{{{json["usage"]!["prompt_tokens_details"]!["cached_tokens"]}}}}}""",
            json["usage"]!.ToJsonString());
        Assert.Equal("application/json; charset=utf-8", reply.ContentHeaders.ContentType!.ToString());
    }

    [Fact]
    public async Task Log_probs_name_every_token_with_its_bytes()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("anchor", Message, """ "seed":2,"max_tokens":12,"ignore_eos":true,"logprobs":true,"temperature":0.7,"top_logprobs":0 """, Token);
        var group = await app.ChatAsync(
            "anchor", Message, """ "seed":2,"max_tokens":12,"ignore_eos":true,"logprobs":true,"temperature":0.7,"best_of_n":{"n":1,"return":"all"} """, Token);

        var tokens = reply.Json["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        var candidate = group.Json["best_of_n"]!["candidates"]![0]!;
        Assert.Equal(12, tokens.Count);
        Assert.Equal(candidate["logprobs"]!.ToJsonString(), Column(tokens, "logprob"));
        Assert.Equal(candidate["sampled_logprobs"]!.ToJsonString(), Column(tokens, "sampled_logprob"));
        Assert.NotEqual(Column(tokens, "logprob"), Column(tokens, "sampled_logprob"));
        Assert.All(tokens, t => Assert.Empty(t!["top_logprobs"]!.AsArray()));
        var bytes = tokens.SelectMany(t => t!["bytes"]!.AsArray().Select(b => (byte)(int)b!)).ToArray();
        Assert.Equal(reply.Text(), Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public async Task Log_probs_of_the_text_route_are_columns_with_offsets()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync("/v1/completions", """{"model":"anchor","prompt":"<s>Perl module<sum>","seed":2,"max_tokens":9,"ignore_eos":true,"logprobs":0}""", Token);

        var logProbs = reply.Json["choices"]![0]!["logprobs"]!;
        Assert.Equal(9, logProbs["token_logprobs"]!.AsArray().Count);
        Assert.Equal(9, logProbs["tokens"]!.AsArray().Count);
        Assert.All(logProbs["token_logprobs"]!.AsArray(), p => Assert.True((float)p! < 0));
        var offsets = logProbs["text_offset"]!.AsArray().Select(o => (int)o!).ToArray();
        Assert.Equal(offsets.Order(), offsets);
        Assert.Equal(0, offsets[0]);
        Assert.InRange(offsets[^1], 1, reply.Text().Length);
    }

    [Fact]
    public async Task A_stop_string_ends_the_answer_before_it()
    {
        var app = await fixture.AppAsync(Token);
        var whole = (await app.ChatAsync("anchor", Message, """ "seed":8,"max_tokens":30,"ignore_eos":true """, Token)).Text();
        var stop = whole.Substring(whole.Length / 2, 2);

        var stopped = await app.ChatAsync("anchor", Message, $$""" "seed":8,"max_tokens":30,"ignore_eos":true,"logprobs":true,"stop":["never there",{{JsonValue.Create(stop)!.ToJsonString()}}] """, Token);

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], stopped.Text());
        Assert.Equal("stop", (string?)stopped.Json["choices"]![0]!["finish_reason"]);
        var shown = Encoding.UTF8.GetString(
            [.. stopped.Json["choices"]![0]!["logprobs"]!["content"]!.AsArray().SelectMany(t => t!["bytes"]!.AsArray()).Select(b => (byte)(int)b!)]);
        Assert.StartsWith(stopped.Text(), shown, StringComparison.Ordinal);
        Assert.True(shown.Length < stopped.Text().Length + stop.Length + 8, "tokens behind the stop string are not shown");
    }

    [Fact]
    public async Task An_end_token_ends_an_answer_and_is_counted_but_not_shown()
    {
        var app = await fixture.AppAsync(Token);
        for (var seed = 0; seed < 60; seed++)
        {
            var reply = await app.ChatAsync("anchor", Message, $$""" "seed":{{seed}},"max_tokens":60,"logprobs":true """, Token);
            if ((string?)reply.Json["choices"]![0]!["finish_reason"] == "stop")
            {
                Assert.Equal((int)reply.Json["usage"]!["completion_tokens"]! - 1, reply.Json["choices"]![0]!["logprobs"]!["content"]!.AsArray().Count);
                return;
            }
        }

        Assert.Fail("none of 60 seeds ended by itself");
    }

    private static string Column(JsonArray tokens, string name) => $"[{string.Join(',', tokens.Select(t => t![name]!.ToJsonString()))}]";
}
