using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>
/// The package openai from npm against the whole server: whole and streamed answers, n, log-probs, schemas, rankings, every failure and a swap. This client
/// reaches every case.
/// </summary>
public sealed class OpenAiNpmTests(ReadyApp ready, RefusingApp refusing, NodeClient node)
    : IClassFixture<ReadyApp>, IClassFixture<RefusingApp>, IClassFixture<NodeClient>
{
    private const string Endless = "\"retries\": 2, \"fields\": {\"max_tokens\": 16000, \"ignore_eos\": true}";
    private const string Schema =
        """
        {"type":"object","properties":{"text":{"type":"string","maxLength":12},"stars":{"enum":[1,2,3]}},"required":["text","stars"],"additionalProperties":false}
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_a_whole_answer_and_the_same_one_streamed()
    {
        var whole = await Run("chat");
        var chunks = (await Run("stream")).AsArray();

        Assert.Equal("student@1", (string?)whole["model"]);
        Assert.StartsWith("chatcmpl-", (string?)whole["id"], StringComparison.Ordinal);
        Assert.StartsWith("req-", (string?)whole["requestId"], StringComparison.Ordinal);
        Assert.Equal(Text(whole), Joined(chunks, choice => (string?)choice["delta"]?["content"]));
        foreach (var count in new[] { "prompt_tokens", "completion_tokens", "total_tokens" })
        {
            Assert.Equal((int)whole["usage"]![count]!, (int)chunks[^1]!["usage"]![count]!);
        }

        // The second of the two finds the prompt of the first in the prefix cache.
        Assert.True((int)chunks[^1]!["usage"]!["prompt_tokens_details"]!["cached_tokens"]! > 0);
    }

    [Fact]
    public async Task It_gets_three_answers_whole_and_streamed()
    {
        var whole = await Run("chat", "\"n\": 3");
        var chunks = (await Run("stream", "\"n\": 3")).AsArray();

        string[] texts = [.. whole["choices"]!.AsArray().Select(choice => (string)choice!["message"]!["content"]!)];
        Assert.Equal(3, texts.Distinct().Count());
        Assert.Equal(texts, Enumerable.Range(0, 3).Select(index => Joined(chunks, choice =>
            (int)choice["index"]! == index ? (string?)choice["delta"]?["content"] : "")));
    }

    [Fact]
    public async Task It_gets_log_probs_whole_and_streamed()
    {
        var whole = await Run("chat", "\"logprobs\": true, \"top_logprobs\": 2");
        var chunks = (await Run("stream", "\"logprobs\": true, \"top_logprobs\": 2")).AsArray();

        var tokens = whole["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal((int)whole["usage"]!["completion_tokens"]!, tokens.Count);
        Assert.All(tokens, token => Assert.True((double)token!["logprob"]! <= (double)token["top_logprobs"]![0]!["logprob"]!));
        var streamed = chunks.SelectMany(chunk => chunk!["choices"]!.AsArray()).SelectMany(choice => choice!["logprobs"]?["content"]?.AsArray() ?? []);
        Assert.Equal(tokens.Select(token => token!.ToJsonString()), streamed.Select(token => token!.ToJsonString()));
    }

    [Fact]
    public async Task It_gets_an_answer_that_satisfies_its_schema_whole_and_streamed()
    {
        var fields = $$$"""
            "max_tokens": 90, "response_format": {"type": "json_schema", "json_schema": {"name": "review", "strict": true, "schema": {{{Schema}}}}}
            """;

        var whole = await Run("chat", fields);
        var chunks = (await Run("stream", fields)).AsArray();

        var value = JsonNode.Parse(Text(whole))!;
        Assert.Equal(["text", "stars"], value.AsObject().Select(member => member.Key));
        Assert.InRange((int)value["stars"]!, 1, 3);
        Assert.Equal("stop", (string?)whole["choices"]![0]!["finish_reason"]);
        Assert.Equal(Text(whole), Joined(chunks, choice => (string?)choice["delta"]?["content"]));
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_with_its_report_whole_and_streamed()
    {
        const string fields = """ "model": "best-of-n", "best_of_n": {"n": 6, "return": "ranked"} """;

        var whole = await Run("chat", fields);
        var chunks = (await Run("stream", fields)).AsArray();

        var report = whole["best_of_n"]!;
        var totals = report["scores"]!.AsArray().Select(scores => (double)scores!["total"]!).ToArray();
        Assert.Equal(6, totals.Length);
        Assert.Equal(Array.IndexOf(totals, totals.Max()), (int)report["chosen"]!);
        Assert.Equal((string?)report["candidates"]![0]!["text"], Text(whole));
        Assert.Equal(Text(whole), Joined(chunks, choice => (string?)choice["delta"]?["content"]));
        Assert.Equal(report.ToJsonString(), chunks.Single(chunk => chunk!["best_of_n"] is not null)!["best_of_n"]!.ToJsonString());
        var app = await ready.AppAsync(Token);
        Assert.Single(app.Episodes(), episode => episode.Id == (string?)whole["id"]);
    }

    [Fact]
    public async Task It_gets_completions_of_a_text_whole_and_streamed()
    {
        const string fields = """ "fields": {"model": "best-of-n", "prompt": "<s>Perl module<sum>", "seed": 5, "max_tokens": 8, "best_of_n": {"n": 2}} """;
        var app = await ready.AppAsync(Token);

        var whole = await node.RunAsync(app, "openai.text", fields, Token);
        var chunks = (await node.RunAsync(app, "openai.textStream", fields, Token)).AsArray();

        Assert.Equal(2, whole["best_of_n"]!["scores"]!.AsArray().Count);
        Assert.Equal((string?)whole["choices"]![0]!["text"], Joined(chunks, choice => (string?)choice["text"]));
    }

    [Fact]
    public async Task It_lists_the_models()
    {
        var models = (await Run("models")).AsArray().Select(model => (string?)model);

        Assert.Superset(new HashSet<string?> { "best-of-n", "distilled", "student", "student@1" }, models.ToHashSet());
    }

    [Theory]
    [InlineData("\"temperature\": 3", "BadRequestError", 400, "invalid_value", "temperature")]
    [InlineData("\"messages\": []", "BadRequestError", 400, "invalid_value", "messages")]
    [InlineData("\"max_tokens\": 4, \"messages\": [{\"role\": \"user\", \"content\": \"LONG\"}]", "BadRequestError", 400, "context_length_exceeded", "messages")]
    [InlineData("\"model\": \"gpt-4o\"", "NotFoundError", 404, "model_not_found", "model")]
    [InlineData("\"model\": \"gpt-4o\", \"stream\": true", "NotFoundError", 404, "model_not_found", "model")]
    public async Task It_shows_a_refusal_whole_and_does_not_retry(string fields, string kind, int status, string code, string parameter)
    {
        var error = await node.RunAsync(
            await ready.AppAsync(Token),
            "openai.refusal",
            $"\"retries\": 2, \"fields\": {{{fields.Replace("LONG", string.Concat(Enumerable.Repeat("address ", 200)), StringComparison.Ordinal)}}}",
            Token);

        AssertError(error, kind, status, code, parameter, "invalid_request_error");
        Assert.Contains(parameter, (string?)error["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_shows_a_wrong_key() =>
        AssertError(await Refusal("\"key\": \"wrong\", \"retries\": 2"), "AuthenticationError", 401, "invalid_api_key", null, "invalid_request_error");

    [Fact]
    public async Task It_shows_a_body_that_is_too_large() => AssertError(
        await Refusal($"\"retries\": 2, \"fields\": {{\"user\": \"{new string('x', RefusingApp.MaxBodyBytes)}\"}}"),
        "APIError", 413, "request_too_large", null, "invalid_request_error");

    [Fact]
    public async Task It_shows_an_overload_and_retries_until_it_is_over()
    {
        var app = await refusing.AppAsync(Token);
        JsonNode error;
        string? health;
        await using (await refusing.FillEngineAsync(Token))
        {
            health = await HealthAsync(app);
            error = await Refusal("");
            await node.BeginAsync(app, "openai.refusal", "\"retries\": 50", Token);
            await node.EventAsync("429", Token);
        }

        Assert.Contains("the admission queue of student@1 is full", health, StringComparison.Ordinal);
        AssertError(error, "RateLimitError", 429, "overloaded", null, "rate_limit_error");
        Assert.Equal("1000", (string?)error["retryAfter"]);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task It_shows_that_the_server_is_not_ready_and_retries_until_it_is()
    {
        await using var unready = new UnreadyApp();
        var error = await node.RunAsync(unready.App, "openai.refusal", "", Token);
        await node.BeginAsync(unready.App, "openai.refusal", "\"retries\": 50", Token);
        await node.EventAsync("503", Token);

        unready.Mend();

        AssertError(error, "InternalServerError", 503, "not_ready", null, "server_error");
        Assert.Equal("1000", (string?)error["retryAfter"]);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task It_sees_a_failure_in_mid_stream()
    {
        await node.BeginAsync(await refusing.AppAsync(Token), "openai.broken", Endless, Token);
        await node.EventAsync("streaming", Token);

        refusing.PassDeadline();

        var result = await node.ResultAsync(Token);
        Assert.Equal(("APIError", "deadline_exceeded", "server_error"), ((string?)result["error"]!["kind"], (string?)result["error"]!["code"], (string?)result["error"]!["type"]));
        Assert.True((int)result["chunks"]! > 0);
    }

    [Fact]
    public async Task It_does_not_retry_what_took_too_long()
    {
        await node.BeginAsync(await refusing.AppAsync(Token), "openai.refusal", Endless, Token);
        await refusing.EngineBusyAsync(Token);

        refusing.PassDeadline();

        AssertError(await node.ResultAsync(Token), "InternalServerError", 504, "deadline_exceeded", null, "server_error");
    }

    [Fact]
    public async Task Its_own_retry_after_a_lost_answer_gets_that_answer_and_is_no_second_episode()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        using var proxy = new LossyProxy(app.Client.BaseAddress!);

        var answer = await node.RunAsync(app, "openai.retried", $"\"proxy\": \"{proxy.Address}\"", Token);

        Assert.Equal(Assert.Single(app.Episodes()).Id, (string?)answer["id"]);
    }

    [Fact]
    public async Task A_swap_under_its_requests_fails_none_and_mixes_none()
    {
        var answers = await SwappingApp.AnswersAsync(node, "openai", "", Token);

        SwappingApp.AssertWhole(answers.SelectMany(answer => new[]
        {
            ((string?)answer!["model"], (string?)answer["text"]),
            ((string?)Assert.Single(answer["streamModels"]!.AsArray()), (string?)answer["streamText"]),
        }));
    }

    private static async Task<string> HealthAsync(ServingApp app)
    {
        using var response = await app.Client.GetAsync(new Uri("/readyz", UriKind.Relative), Token);
        return await response.Content.ReadAsStringAsync(Token);
    }

    private async Task<JsonNode> Run(string scenario, string fields = "") =>
        await node.RunAsync(await ready.AppAsync(Token), $"openai.{scenario}", $"\"fields\": {{{fields}}}", Token);

    private async Task<JsonNode> Refusal(string members) => await node.RunAsync(await refusing.AppAsync(Token), "openai.refusal", members, Token);

    private static void AssertError(JsonNode error, string kind, int status, string code, string? parameter, string type)
    {
        Assert.Equal(
            (kind, status, code, parameter, type),
            ((string?)error["kind"], (int)error["status"]!, (string?)error["code"], (string?)error["param"], (string?)error["type"]));
        Assert.StartsWith("req-", (string?)error["requestId"], StringComparison.Ordinal);
        Assert.Equal([status], error["statuses"]!.AsArray().Select(tried => (int)tried!));
    }

    private static string Text(JsonNode answer) => (string)answer["choices"]![0]!["message"]!["content"]!;

    private static string Joined(JsonArray chunks, Func<JsonNode, string?> text) =>
        string.Concat(chunks.SelectMany(chunk => chunk!["choices"]!.AsArray()).Select(choice => text(choice!)));
}
