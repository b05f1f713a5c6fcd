using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ScoreEndpointsTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Source = "It converts address books and alias files into the widely-used vCard format.";

    private static readonly string[] _answers = ["converts address books", "games", "vCard converter for alias files. It plays music.", ""];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_route_gives_the_number_of_the_scorer()
    {
        var app = await fixture.AppAsync(Token);
        var cards = app.Services.GetRequiredService<Scorecards>();
        foreach (var model in new[] { "reward", "entailment", "style" })
        {
            var raw = await Task.WhenAll(_answers.Select(answer => cards.Scorers[model].ScoreAsync(Source, answer, Token)));
            double Relevance(float value) => model == "reward" ? 1 / (1 + Math.Exp(-(double)value)) : Math.Exp(value);

            var scored = await app.PostAsync("/v1/score", Body(("model", model), ("queries", Source), ("documents", Array(_answers))), Token);
            var ranked = await app.PostAsync("/v1/rerank", Body(("model", model), ("query", Source), ("documents", Array(_answers))), Token);
            var rewards = await app.PostAsync(
                "/get_reward",
                Body(("model", model), ("query", Array(_answers.Select(answer => Source + answer))), ("prompts", Array(_answers.Select(_ => Source)))),
                Token);

            Assert.Equal(raw.Select(value => (double)value), Numbers(scored.Json["data"], "raw_logit"));
            Assert.Equal(raw.Select(Relevance), Numbers(scored.Json["data"], "score"));
            Assert.Equal(Enumerable.Range(0, 4), scored.Json["data"]!.AsArray().Select(item => (int)item!["index"]!));
            Assert.All(scored.Json["data"]!.AsArray(), item => Assert.Equal(cards.Scorers[model].Digest, (string?)item!["scorer_digest"]));
            Assert.Equal((model, cards.Scorers[model].Digest), ((string?)ranked.Json["scorer"], (string?)ranked.Json["scorer_digest"]));
            int[] order = [.. Enumerable.Range(0, 4).OrderByDescending(i => raw[i])];
            Assert.Equal(order, ranked.Json["results"]!.AsArray().Select(item => (int)item!["index"]!));
            Assert.Equal(order.Select(i => Relevance(raw[i])), Numbers(ranked.Json["results"], "relevance_score"));
            Assert.Equal(order.Select(i => _answers[i]), ranked.Json["results"]!.AsArray().Select(item => (string?)item!["document"]!["text"]));
            Assert.Equal(raw.Select(value => (double)value), rewards.Json["rewards"]!.AsArray().Select(value => (double)value!));
        }
    }

    [Fact]
    public async Task A_conversation_gets_the_scorecard_of_its_last_message()
    {
        var app = await fixture.AppAsync(Token);
        var card = app.Services.GetRequiredService<Scorecards>().Default;
        var expected = await card.ScoreAsync(Source, _answers[0], Token);

        var reply = await app.PostAsync(
            "/v1/reward",
            $$"""{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"{{Source}}"},{"role":"assistant","content":"{{_answers[0]}}"}]}""",
            Token);

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(expected.Total, (double)reply.Json["score"]!);
        Assert.Equal(expected.Values.Select(value => (value.Key, value.Value)), reply.Json["scores"]!.AsObject().Select(value => (value.Key, (float)value.Value!)));
        Assert.Equal((card.Scorecard, card.Digest), ((string?)reply.Json["model"], (string?)reply.Json["scorecard_digest"]));
        var scored = await app.PostAsync("/score", Body(("text_1", Source), ("text_2", _answers[0])), Token);
        Assert.Equal(expected.Total, (double)scored.Json["data"]![0]!["raw_logit"]!);
    }

    [Fact]
    public async Task Classes_come_with_their_sentences()
    {
        var app = await fixture.AppAsync(Token);
        var model = (EntailmentModel)app.Services.GetRequiredService<Scorecards>().Scorers["entailment"];
        var report = await model.JudgeAsync(Source, _answers[2], Token);

        var one = await app.PostAsync("/classify", Body(("input", Array([Source, _answers[2]]))), Token);
        var many = await app.PostAsync("/v1/classify", Body(("model", "entailment"), ("input", new JsonArray(Array([Source, _answers[2]]), Array([Source, "games"])))), Token);

        var item = one.Json["data"]![0]!;
        Assert.Equal(item.ToJsonString(), many.Json["data"]![0]!.ToJsonString());
        Assert.Equal(2, many.Json["data"]!.AsArray().Count);
        Assert.Equal(report.Labels, item["labels"]!.AsArray().Select(label => (string)label!));
        Assert.Equal(2, item["sentences"]!.AsArray().Count);
        Assert.Equal(1, item["probs"]!.AsArray().Sum(p => (double)p!), 1e-5);
        Assert.Equal((double)report.Mean, (double)item["score"]!);
        Assert.Equal((double)report.Min, (double)item["min"]!);
    }

    [Fact]
    public async Task Pairs_may_be_one_to_one_one_to_many_and_as_many_to_as_many_and_results_may_be_cut_and_raw()
    {
        var app = await fixture.AppAsync(Token);

        var zip = await app.PostAsync("/score", Body(("model", "reward"), ("queries", Array(["a", Source])), ("documents", Array(["x", "games"]))), Token);
        var single = await app.PostAsync("/score", Body(("model", "reward"), ("queries", Source), ("documents", "games"), ("raw_scores", true)), Token);
        var cohere = await app.PostAsync("/v2/rerank", Body(("model", "reward"), ("query", Source), ("documents", new JsonArray(new JsonObject { ["text"] = "games" }, "x")), ("top_n", 1), ("raw_scores", true)), Token);

        Assert.Equal((double)zip.Json["data"]![1]!["raw_logit"]!, (double)single.Json["data"]![0]!["score"]!);
        var result = Assert.Single(cohere.Json["results"]!.AsArray())!;
        Assert.Null(result["document"]);
        Assert.Equal((double)result["raw_logit"]!, (double)result["relevance_score"]!);
        Assert.True((int)zip.Json["usage"]!["total_tokens"]! > 0);
    }

    [Theory]
    [InlineData("/v1/score", """{"queries":["a","b"],"documents":["a","b","c"]}""", 400, "queries", "invalid_value")]
    [InlineData("/v1/score", """{"documents":["a"]}""", 400, "queries", "missing_required_parameter")]
    [InlineData("/v1/score", """{"queries":"a","documents":[]}""", 400, "documents", "invalid_value")]
    [InlineData("/v1/score", """{"queries":"a","documents":[1]}""", 400, "documents[0]", "invalid_type")]
    [InlineData("/v1/score", """{"model":"none","queries":"a","documents":"b"}""", 404, "model", "model_not_found")]
    [InlineData("/v1/rerank", """{"query":"a"}""", 400, "documents", "missing_required_parameter")]
    [InlineData("/v1/rerank", """{"query":"a","documents":[{"title":"b"}]}""", 400, "documents[0].text", "missing_required_parameter")]
    [InlineData("/v1/rerank", """{"query":"a","documents":["b"],"top_n":0}""", 400, "top_n", "invalid_value")]
    [InlineData("/classify", """{"input":"a"}""", 400, "input", "invalid_type")]
    [InlineData("/classify", """{"input":[["a","b"],"c"]}""", 400, "input[1]", "invalid_value")]
    [InlineData("/classify", """{"model":"reward","input":["a","b"]}""", 400, "model", "invalid_value")]
    [InlineData("/v1/reward", """{"messages":[{"role":"user","content":"a"}]}""", 400, "messages", "invalid_value")]
    [InlineData("/v1/reward", """{"messages":[{"role":"assistant","content":"a"}]}""", 400, "messages", "invalid_value")]
    [InlineData("/v1/reward", """{"model":"style","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"a"}]}""", 400, "model", "invalid_value")]
    [InlineData("/get_reward", """{"query":["a b"]}""", 400, "prompts", "missing_required_parameter")]
    [InlineData("/get_reward", """{"query":["a b"],"prompts":["b"]}""", 400, "query[0]", "invalid_value")]
    [InlineData("/score", """[]""", 400, null, "invalid_type")]
    [InlineData("/score", """{""", 400, null, "invalid_json")]
    public async Task What_cannot_be_scored_is_refused_by_the_name_of_the_field(string path, string body, int status, string? field, string code)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync(path, body, Token);

        Assert.Equal(status, (int)reply.Status);
        Assert.Equal(code, (string?)reply.Json["error"]!["code"]);
        Assert.Equal(field, (string?)reply.Json["error"]!["param"]);
    }

    [Fact]
    public async Task A_request_with_too_many_pairs_is_refused_before_any_is_scored()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync("/score", Body(("queries", "a"), ("documents", Array(Enumerable.Repeat("", 1001)))), Token);

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains("Scoring:MaxPairs", (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
    }

    private static JsonArray Array(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];

    private static string Body(params (string Name, JsonNode? Value)[] members) =>
        new JsonObject(members.Select(member => KeyValuePair.Create(member.Name, member.Value))).ToJsonString();

    private static IEnumerable<double> Numbers(JsonNode? items, string name) => items!.AsArray().Select(item => (double)item![name]!);
}
