using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>
/// The AI SDK (packages ai and @ai-sdk/openai-compatible from npm) against the whole server. It has no n and no log-probs: it sends them as options of the
/// provider, shows the first answer, and gives the rest in the raw body.
/// </summary>
public sealed class AiSdkNpmTests(ReadyApp ready, RefusingApp refusing, NodeClient node)
    : IClassFixture<ReadyApp>, IClassFixture<RefusingApp>, IClassFixture<NodeClient>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_a_whole_answer_and_the_same_one_streamed()
    {
        var whole = await Run("chat");
        var streamed = await Run("stream");

        Assert.Equal("student@1", (string?)whole["model"]);
        Assert.StartsWith("chatcmpl-", (string?)whole["id"], StringComparison.Ordinal);
        Assert.StartsWith("req-", (string?)whole["requestId"], StringComparison.Ordinal);
        Assert.True((int)whole["usage"]!["inputTokens"]! > 0);
        Assert.Equal((string?)whole["text"], Joined(streamed));
        foreach (var name in new[] { "model", "finishReason" })
        {
            Assert.Equal((string?)whole[name], (string?)streamed[name]);
        }

        foreach (var count in new[] { "inputTokens", "outputTokens", "totalTokens" })
        {
            Assert.Equal((int)whole["usage"]![count]!, (int)streamed["usage"]![count]!);
        }
    }

    [Fact]
    public async Task It_shows_the_first_of_three_answers_and_its_raw_body_has_all()
    {
        var one = await Run("chat");
        var three = await Run("chat", "\"fields\": {\"n\": 3}");

        Assert.Equal((string?)one["text"], (string?)three["text"]);
        Assert.Equal(3, three["body"]!["choices"]!.AsArray().Count);
    }

    [Fact]
    public async Task Log_probs_stand_in_its_raw_body_and_do_not_disturb_its_stream()
    {
        var whole = await Run("chat", "\"fields\": {\"logprobs\": true, \"top_logprobs\": 2}");
        var streamed = await Run("stream", "\"fields\": {\"logprobs\": true, \"top_logprobs\": 2}");

        Assert.Equal((int)whole["usage"]!["outputTokens"]!, whole["body"]!["choices"]![0]!["logprobs"]!["content"]!.AsArray().Count);
        Assert.Equal((string?)whole["text"], Joined(streamed));
    }

    [Fact]
    public async Task It_gets_an_object_that_satisfies_its_schema_whole_and_streamed()
    {
        const string members = """
            "settings": {"maxOutputTokens": 90}, "schema": {"type": "object", "properties": {"text": {"type": "string", "maxLength": 12}, "stars": {"enum": [1, 2, 3]}},
              "required": ["text", "stars"], "additionalProperties": false}
            """;

        var whole = (await Run("chat", members))["output"]!;
        var streamed = (await Run("stream", members))["output"]!;

        Assert.Equal(["text", "stars"], whole.AsObject().Select(member => member.Key));
        Assert.InRange((int)whole["stars"]!, 1, 3);
        Assert.Equal(whole.ToJsonString(), streamed.ToJsonString());
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_whole_with_its_report_and_streamed()
    {
        const string members = "\"model\": \"best-of-n\", \"fields\": {\"best_of_n\": {\"n\": 6}}";

        var whole = await Run("chat", members);
        var streamed = await Run("stream", members);

        Assert.Equal("anchor@1", (string?)whole["model"]);
        Assert.Equal(6, whole["body"]!["best_of_n"]!["scores"]!.AsArray().Count);
        Assert.Equal((string?)whole["text"], Joined(streamed));
    }

    [Theory]
    [InlineData("\"settings\": {\"temperature\": 3}", 400, "invalid_value", "temperature")]
    [InlineData("\"model\": \"gpt-4o\"", 404, "model_not_found", "model")]
    public async Task It_shows_a_refusal_and_does_not_retry(string members, int status, string code, string parameter)
    {
        var app = await ready.AppAsync(Token);

        var whole = await node.RunAsync(app, "ai-sdk.refusal", "\"retries\": 2, " + members, Token);
        var streamed = (await node.RunAsync(app, "ai-sdk.stream", members, Token))["errors"]![0]!;

        AssertError(whole, status, code, parameter, retryable: false);
        Assert.Equal((status, (string?)whole["message"]), ((int)streamed["status"]!, (string?)streamed["message"]));
        Assert.Contains(parameter, (string?)whole["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_shows_a_wrong_key() =>
        AssertError(await Refusal("\"key\": \"wrong\", \"retries\": 2"), 401, "invalid_api_key", null, retryable: false);

    [Fact]
    public async Task It_shows_a_body_that_is_too_large() => AssertError(
        await Refusal($"\"retries\": 2, \"prompt\": \"{new string('x', RefusingApp.MaxBodyBytes)}\""), 413, "request_too_large", null, retryable: false);

    [Fact]
    public async Task It_shows_an_overload_and_retries_until_it_is_over()
    {
        JsonNode error;
        await using (await refusing.FillEngineAsync(Token))
        {
            error = await Refusal("");
            await node.BeginAsync(await refusing.AppAsync(Token), "ai-sdk.refusal", "\"retries\": 50", Token);
            await node.EventAsync("429", Token);
        }

        AssertError(error, 429, "overloaded", null, retryable: true);
        Assert.Equal("1000", (string?)error["retryAfter"]);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task It_shows_that_the_server_is_not_ready_and_retries_until_it_is()
    {
        await using var unready = new UnreadyApp();
        var error = await node.RunAsync(unready.App, "ai-sdk.refusal", "", Token);
        await node.BeginAsync(unready.App, "ai-sdk.refusal", "\"retries\": 50", Token);
        await node.EventAsync("503", Token);

        unready.Mend();

        AssertError(error, 503, "not_ready", null, retryable: true);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task It_sees_a_failure_in_mid_stream()
    {
        await node.BeginAsync(
            await refusing.AppAsync(Token), "ai-sdk.stream", "\"settings\": {\"maxOutputTokens\": 16000}, \"fields\": {\"ignore_eos\": true}", Token);
        await node.EventAsync("streaming", Token);

        refusing.PassDeadline();

        var result = await node.ResultAsync(Token);
        Assert.Contains("Generation:Deadline", (string?)result["errors"]![0]!["message"], StringComparison.Ordinal);
        Assert.NotEmpty(result["pieces"]!.AsArray());
    }

    [Fact]
    public async Task A_swap_under_its_requests_fails_none_and_mixes_none()
    {
        var answers = await SwappingApp.AnswersAsync(node, "ai-sdk", "", Token);

        SwappingApp.AssertWhole(answers.SelectMany(answer => new[]
        {
            ((string?)answer!["model"], (string?)answer["text"]),
            ((string?)Assert.Single(answer["streamModels"]!.AsArray()), (string?)answer["streamText"]),
        }));
    }

    private async Task<JsonNode> Run(string scenario, string members = "") =>
        await node.RunAsync(await ready.AppAsync(Token), $"ai-sdk.{scenario}", members, Token);

    private async Task<JsonNode> Refusal(string members) => await node.RunAsync(await refusing.AppAsync(Token), "ai-sdk.refusal", members, Token);

    private static void AssertError(JsonNode error, int status, string code, string? parameter, bool retryable)
    {
        var told = JsonNode.Parse((string)error["body"]!)!["error"]!;
        Assert.Equal(
            ("AI_APICallError", status, retryable, code, parameter),
            ((string?)error["kind"], (int)error["status"]!, (bool)error["retryable"]!, (string?)told["code"], (string?)told["param"]));
        Assert.Equal((string?)told["message"], (string?)error["message"]);
        Assert.StartsWith("req-", (string?)error["requestId"], StringComparison.Ordinal);
        Assert.Equal([status], error["statuses"]!.AsArray().Select(tried => (int)tried!));
    }

    private static string Joined(JsonNode streamed)
    {
        Assert.Empty(streamed["errors"]!.AsArray());
        return string.Concat(streamed["pieces"]!.AsArray().Select(piece => (string?)piece));
    }
}
