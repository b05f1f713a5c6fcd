using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class BestOfNAnswersTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "It converts address books and alias files into the widely-used vCard format.";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_episode_tells_how_its_answers_were_drawn_and_of_which_trace_they_are()
    {
        await using var app = await new ServingApp().ReadyAsync(TestContext.Current.CancellationToken);
        var body = ServingApp.ChatBody("best-of-n", "x", """
            "max_tokens":40,"min_p":0.01,"repetition_penalty":1.25,"presence_penalty":0.5,"frequency_penalty":-0.5,"logit_bias":{"5":-100},
            "response_format":{"type":"json_object"},"best_of_n":{"n":2}
            """);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        using var response = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        await app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":2} """, TestContext.Current.CancellationToken);

        var episodes = app.Episodes();
        var told = episodes[0];
        Assert.Equal((0.01f, 1.25f, 0.5f, -0.5f), (told.MinP, told.RepetitionPenalty, told.PresencePenalty, told.FrequencyPenalty));
        Assert.Equal((true, false, 40, "json_object"), (told.HasLogitBias, told.IgnoreEos, told.MaxTokens, told.ResponseFormat));
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", told.TraceId);
        Assert.Equal((0f, 1f, false, "text"), (episodes[1].MinP, episodes[1].RepetitionPenalty, episodes[1].HasLogitBias, episodes[1].ResponseFormat));
        Assert.Equal(("", ""), (episodes[1].TraceId, episodes[1].RequestDigest));
    }

    [Fact]
    public async Task The_answer_is_always_the_candidate_with_the_highest_total()
    {
        var app = await fixture.AppAsync(Token);
        var winners = new HashSet<int>();
        for (var seed = 0; seed < 25; seed++)
        {
            var reply = await app.ChatAsync("best-of-n", Message, $$"""  "seed":{{seed}},"max_tokens":{{4 + seed}},"best_of_n":{"n":{{1 + (seed % 8)}},"return":"all"}  """, Token);

            var report = reply.Json["best_of_n"]!;
            var totals = report["scores"]!.AsArray().Select(s => (double)s!["total"]!).ToArray();
            var chosen = (int)report["chosen"]!;
            Assert.Equal(1 + (seed % 8), totals.Length);
            Assert.Equal(Array.IndexOf(totals, totals.Max()), chosen);
            Assert.Equal((string?)report["candidates"]![chosen]!["text"], reply.Text());
            Assert.Equal((string?)report["candidates"]![chosen]!["finish_reason"], (string?)reply.Json["choices"]![0]!["finish_reason"]);
            winners.Add(chosen);
        }

        Assert.True(winners.Count > 3, "a server that always takes the same candidate would pass the rest");
    }

    [Fact]
    public async Task The_scores_are_what_the_scorers_say_about_message_and_answer()
    {
        var app = await fixture.AppAsync(Token);
        var scorer = app.Services.GetRequiredService<Scorecards>().Default;

        var reply = await app.ChatAsync("best-of-n", Message, """ "seed":5,"best_of_n":{"n":6,"return":"all"} """, Token);

        var report = reply.Json["best_of_n"]!;
        Assert.Equal((scorer.Scorecard, scorer.Digest), ((string?)report["scorecard"], (string?)report["scorecard_digest"]));
        string[] texts = [.. report["candidates"]!.AsArray().Select(candidate => (string)candidate!["text"]!)];
        var expected = scorer.InGroup(texts, await Task.WhenAll(texts.Select(text => scorer.ScoreAsync(Message, text, Token))));
        Assert.Contains(expected, score => score.Values[0] is { Key: "consensus", Value: > 0 });
        for (var i = 0; i < 6; i++)
        {
            var actual = report["scores"]![i]!.AsObject();
            Assert.Equal(expected[i].Total, (double)actual["total"]!);
            Assert.Equal(expected[i].Values.Select(v => (v.Key, v.Value)), actual.Skip(1).Select(s => (s.Key, (float)s.Value!)));
            Assert.Equal((double)actual["total"]!, report["weights"]!.AsObject().Sum(weight => (double)weight.Value! * (float)actual[weight.Key]!), 1e-12);
        }
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_bytes_alone_and_in_company()
    {
        var app = await fixture.AppAsync(Token);
        const string fields = """ "seed":11,"max_tokens":24,"logprobs":true,"best_of_n":{"n":5,"return":"all"} """;
        var alone = Bytes(await app.ChatAsync("best-of-n", Message, fields, Token));

        var company = Enumerable.Range(0, 6).Select(i => app.ChatAsync("best-of-n", $"Other text {i}", """ "best_of_n":{"n":7} """, Token)).ToArray();
        var again = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => app.ChatAsync("best-of-n", Message, fields, Token)));
        await Task.WhenAll(company);

        Assert.All(again, reply => Assert.Equal(alone, Bytes(reply)));

        static string Bytes(Reply reply) => reply.Json["choices"]!.ToJsonString() + reply.Json["best_of_n"]!.ToJsonString() + reply.Json["usage"]!["total_tokens"]!.ToJsonString();
    }

    [Fact]
    public async Task A_seed_that_the_server_picked_is_told_and_repeats_the_answer()
    {
        var app = await fixture.AppAsync(Token);
        var first = await app.ChatAsync("best-of-n", Message, """ "best_of_n":{"n":4,"return":"all"} """, Token);
        var other = await app.ChatAsync("best-of-n", Message, """ "best_of_n":{"n":4,"return":"all"} """, Token);
        var seed = (long)first.Json["best_of_n"]!["seed"]!;

        var repeated = await app.ChatAsync("best-of-n", Message, $$""" "seed":{{seed}},"best_of_n":{"n":4,"return":"all"} """, Token);

        Assert.NotEqual(seed, (long)other.Json["best_of_n"]!["seed"]!);
        Assert.Equal(first.Json["best_of_n"]!.ToJsonString(), repeated.Json["best_of_n"]!.ToJsonString());
        Assert.NotEqual(first.Json["best_of_n"]!["candidates"]!.ToJsonString(), other.Json["best_of_n"]!["candidates"]!.ToJsonString());
    }

    [Fact]
    public async Task The_episode_is_on_disk_when_the_answer_arrives_and_holds_every_candidate()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync(
            "best-of-n",
            Message,
            """ "seed":-3,"temperature":0.8,"top_p":0.95,"top_k":50,"max_tokens":20,"metadata":{"team":"a"},"logprobs":true,"best_of_n":{"n":6,"return":"all"} """,
            Token);
        var episode = Assert.Single(app.Episodes(), e => e.Id == (string?)reply.Json["id"]);

        var report = reply.Json["best_of_n"]!;
        Assert.StartsWith("chatcmpl-", episode.Id, StringComparison.Ordinal);
        Assert.Equal((Message, unchecked((ulong)-3L), 0.8f, 50, 0.95f), (episode.Source, episode.Seed, episode.Temperature, episode.TopK, episode.TopP));
        Assert.Equal(("anchor@1", (string?)reply.Json["system_fingerprint"]), (episode.Policy, episode.PolicyDigest));
        Assert.Equal(((string?)report["scorecard"], (string?)report["scorecard_digest"]), (episode.Scorecard, episode.ScorecardDigest));
        Assert.Equal((int)report["chosen"]!, episode.Chosen);
        Assert.Equal((int)reply.Json["usage"]!["prompt_tokens"]!, episode.PromptTokens.Length);
        Assert.Equal("a", episode.Metadata["team"]);
        Assert.True(episode.Independent);
        Assert.Equal(6, episode.Candidates.Count);
        for (var i = 0; i < 6; i++)
        {
            var (stored, sent, scores) = (episode.Candidates[i], report["candidates"]![i]!, report["scores"]![i]!);
            Assert.Equal(i, (int)sent["index"]!);
            Assert.Equal((string?)sent["text"], stored.Text);
            Assert.Equal(Numbers<int>(sent["tokens"]!), stored.Tokens);
            Assert.Equal(Numbers<float>(sent["logprobs"]!), stored.LogProbs);
            Assert.Equal(Numbers<float>(sent["sampled_logprobs"]!), stored.SampledLogProbs);
            Assert.Equal((string?)sent["finish_reason"] == "stop", stored.Finished);
            Assert.Equal((double)scores["total"]!, stored.Total);
            Assert.Equal(scores.AsObject().Skip(1).Select(s => KeyValuePair.Create(s.Key, (float)s.Value!)), stored.Scores);
        }
    }

    [Fact]
    public async Task Store_false_leaves_no_trace_and_plain_samples_are_not_episodes()
    {
        var app = await fixture.AppAsync(Token);

        var unstored = await app.ChatAsync("best-of-n", Message, """ "store":false,"best_of_n":{"n":2} """, Token);
        var plain = await app.ChatAsync("distilled", Message, "", Token);
        var stored = await app.ChatAsync("best-of-n", Message, """ "store":true,"best_of_n":{"n":2} """, Token);

        var ids = app.Episodes().Select(e => e.Id).ToHashSet();
        Assert.DoesNotContain((string)unstored.Json["id"]!, ids);
        Assert.DoesNotContain((string)plain.Json["id"]!, ids);
        Assert.Contains((string)stored.Json["id"]!, ids);
    }

    [Fact]
    public async Task What_is_returned_beside_the_answer_is_the_requests_choice()
    {
        var app = await fixture.AppAsync(Token);

        var best = await app.ChatAsync("best-of-n", Message, """ "seed":1,"best_of_n":{"n":5} """, Token);
        var ranked = await app.ChatAsync("best-of-n", Message, """ "seed":1,"best_of_n":{"n":5,"return":"ranked"} """, Token);
        var all = await app.ChatAsync("best-of-n", Message, """ "seed":1,"best_of_n":{"n":5,"return":"all"} """, Token);

        Assert.Null(best.Json["best_of_n"]!["candidates"]);
        Assert.Equal(5, best.Json["best_of_n"]!["scores"]!.AsArray().Count);
        Assert.Equal([0, 1, 2, 3, 4], Indices(all));
        var totals = all.Json["best_of_n"]!["scores"]!.AsArray().Select(s => (double)s!["total"]!).ToArray();
        Assert.Equal(Enumerable.Range(0, 5).OrderByDescending(i => totals[i]), Indices(ranked));
        Assert.Null(all.Json["best_of_n"]!["candidates"]![0]!["logprobs"]);

        static int[] Indices(Reply reply) => [.. reply.Json["best_of_n"]!["candidates"]!.AsArray().Select(c => (int)c!["index"]!)];
    }

    [Fact]
    public async Task Several_answers_of_a_group_are_its_best_ones_in_order()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("best-of-n", Message, """ "seed":1,"n":3,"best_of_n":{"n":6,"return":"ranked"} """, Token);

        var ranked = reply.Json["best_of_n"]!["candidates"]!.AsArray();
        Assert.Equal(ranked.Take(3).Select(c => (string?)c!["text"]), Enumerable.Range(0, 3).Select(reply.Text));
        Assert.Equal(ranked.Take(3).Sum(c => c!["tokens"]!.AsArray().Count), (int)reply.Json["usage"]!["completion_tokens"]!);
        Assert.Equal(ranked.Sum(c => c!["tokens"]!.AsArray().Count), (int)reply.Json["best_of_n"]!["tokens_spent"]!);
    }

    [Fact]
    public async Task Every_listed_model_can_be_asked_and_so_can_the_ones_that_an_error_lists()
    {
        var app = await fixture.AppAsync(Token);
        var list = JsonNode.Parse(await app.Client.GetStringAsync("/v1/models", Token))!;
        string[] models = [.. list["data"]!.AsArray().Select(model => (string)model!["id"]!)];

        var refused = await app.ChatAsync("nobody", Message, "\"max_tokens\":1", Token);

        Assert.Equal(["best-of-n", "distilled", "auto", "anchor", "student", "anchor@1", "student@1"], models);
        Assert.Contains(string.Join(", ", models), (string?)refused.Json["error"]!["message"], StringComparison.Ordinal);
        foreach (var model in models)
        {
            Assert.Equal(HttpStatusCode.OK, (await app.ChatAsync(model, Message, "\"max_tokens\":1", Token)).Status);
        }
    }

    [Theory]
    [InlineData("best-of-n", "", "anchor@1", 16)]
    [InlineData("auto", "", "anchor@1", 16)]
    [InlineData("best-of-n", "\"n\":20", "anchor@1", 20)]
    [InlineData("best-of-n", "\"best_of_n\":{\"n\":3}", "anchor@1", 3)]
    [InlineData("distilled", "", "student@1", null)]
    [InlineData("distilled", "\"best_of_n\":{\"n\":3}", "student@1", 3)]
    [InlineData("distilled", "\"best_of_n\":{}", "student@1", 16)]
    [InlineData("anchor", "", "anchor@1", null)]
    [InlineData("anchor@1", "", "anchor@1", null)]
    [InlineData("student", "\"best_of\":4", "student@1", 4)]
    [InlineData("student", "\"best_of\":1", "student@1", null)]
    public async Task The_model_names_a_policy_and_a_way_to_answer(string model, string fields, string policy, int? candidates)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync(model, Message, fields.Length == 0 ? "\"max_tokens\":4" : fields + ",\"max_tokens\":4", Token);

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(policy, (string?)reply.Json["model"]);
        Assert.Equal(candidates, (int?)reply.Json["best_of_n"]?["n"]);
        if (candidates is not null)
        {
            Assert.Equal(policy, (string?)reply.Json["best_of_n"]!["policy"]);
        }
    }

    [Fact]
    public async Task The_text_route_takes_text_and_token_ids_alike()
    {
        var app = await fixture.AppAsync(Token);
        using var job = app.Services.GetRequiredService<Serving.Inference.PolicyRegistry>().Acquire("anchor");
        var tokens = job!.Value.Tokenizer.Encode("<s>" + Message + "<sum>");

        var text = await app.PostAsync("/v1/completions", $$$"""{"model":"best-of-n","prompt":"<s>{{{Message}}}<sum>","seed":9,"best_of_n":{"n":4,"return":"all"}}""", Token);
        var ids = await app.PostAsync("/v1/completions", $$$"""{"model":"best-of-n","prompt":[{{{string.Join(',', tokens)}}}],"seed":9,"best_of_n":{"n":4,"return":"all"}}""", Token);
        var chat = await app.ChatAsync("best-of-n", Message, """ "seed":9,"best_of_n":{"n":4,"return":"all"} """, Token);

        Assert.Equal("text_completion", (string?)text.Json["object"]);
        Assert.StartsWith("cmpl-", (string?)text.Json["id"], StringComparison.Ordinal);
        Assert.Equal(text.Json["best_of_n"]!.ToJsonString(), ids.Json["best_of_n"]!.ToJsonString());
        Assert.Equal(text.Json["best_of_n"]!.ToJsonString(), chat.Json["best_of_n"]!.ToJsonString());      // same ids, same source
        Assert.Equal(chat.Text(), text.Text());
        Assert.Equal(Message, app.Episodes().Last(e => e.Id == (string?)ids.Json["id"]).Source);
    }

    private static T[] Numbers<T>(JsonNode array) => [.. array.AsArray().Select(v => v!.GetValue<T>())];
}
