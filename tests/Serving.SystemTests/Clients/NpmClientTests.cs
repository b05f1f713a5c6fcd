using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>The openai package from npm against the whole server.</summary>
public sealed class NpmClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_npm_client_gets_plain_streamed_and_ranked_answers_and_readable_errors()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        using var client = new NodeClient(app.Client.BaseAddress!, "all");

        var result = await client.ResultAsync(Token);

        var plain = Text(result["plain"]!);
        Assert.Equal("student@1", (string?)result["plain"]!["model"]);
        Assert.StartsWith("req-", (string?)result["requestId"], StringComparison.Ordinal);
        Assert.Equal(3, result["several"]!["choices"]!.AsArray().Count);
        Assert.Equal(plain, Text(result["several"]!));
        Assert.True((double)result["several"]!["choices"]![0]!["logprobs"]!["content"]![0]!["logprob"]! < 0);

        var streamed = result["streamed"]!.AsArray();
        Assert.Equal(plain, Joined(streamed, c => (string?)c["delta"]?["content"]));
        foreach (var count in new[] { "prompt_tokens", "completion_tokens", "total_tokens" })
        {
            Assert.Equal((int)result["plain"]!["usage"]![count]!, (int)streamed[^1]!["usage"]![count]!);
        }

        // The second of the two finds the prompt of the first in the prefix cache.
        Assert.True((int)streamed[^1]!["usage"]!["prompt_tokens_details"]!["cached_tokens"]! > 0);

        AssertRanked(app, result["ranked"]!, 6);
        var rankedStream = result["rankedStreamed"]!.AsArray();
        Assert.Equal(Text(result["ranked"]!), Joined(rankedStream, c => (string?)c["delta"]?["content"]));
        Assert.Equal(result["ranked"]!["best_of_n"]!.ToJsonString(), rankedStream[^1]!["best_of_n"]!.ToJsonString());

        Assert.Equal(2, result["text"]!["best_of_n"]!["scores"]!.AsArray().Count);
        Assert.True(Joined(result["textStreamed"]!.AsArray(), c => (string?)c["text"]).Length > 0);
        Assert.Contains("best-of-n", result["models"]!.AsArray().Select(m => (string?)m));

        AssertError(result["badRequest"]!, "BadRequestError", 400, "invalid_value", "temperature");
        AssertError(result["noModel"]!, "NotFoundError", 404, "model_not_found", "model");
        AssertError(result["tooLong"]!, "BadRequestError", 400, "context_length_exceeded", "messages");
        AssertError(result["refusedStream"]!, "NotFoundError", 404, "model_not_found", "model");
    }

    [Fact]
    public async Task The_npm_clients_own_retry_after_a_lost_answer_gets_that_answer_and_is_no_second_episode()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        using var proxy = new LossyProxy(app.Client.BaseAddress!);
        using var client = new NodeClient(proxy.Address, "retried");

        var answer = await client.ResultAsync(Token);

        Assert.Equal(Assert.Single(app.Episodes()).Id, (string?)answer["id"]);
    }

    [Fact]
    public async Task The_npm_client_sees_a_failure_in_mid_stream()
    {
        var time = new ManualTime();
        await using var app = await BreakableApp.StartAsync(time, Token);
        using var client = new NodeClient(app.Client.BaseAddress!, "broken");

        Assert.Equal("streaming", await client.ReadLineAsync(Token));
        time.Advance(TimeSpan.FromMinutes(3));
        var result = await client.ResultAsync(Token);

        Assert.Equal("APIError", (string?)result["error"]!["kind"]);
        Assert.Equal("deadline_exceeded", (string?)result["error"]!["code"]);
        Assert.True((int)result["chunks"]! > 0);
    }

    private static void AssertRanked(ServingApp app, JsonNode answer, int count)
    {
        var report = answer["best_of_n"]!;
        var totals = report["scores"]!.AsArray().Select(s => (double)s!["total"]!).ToArray();
        Assert.Equal(count, totals.Length);
        Assert.Equal(Array.IndexOf(totals, totals.Max()), (int)report["chosen"]!);
        Assert.Equal((string?)report["candidates"]![0]!["text"], Text(answer));
        Assert.Single(app.Episodes(), e => e.Id == (string?)answer["id"]);
    }

    private static void AssertError(JsonNode error, string kind, int status, string code, string parameter)
    {
        Assert.Equal(
            (kind, status, code, parameter, "invalid_request_error"),
            ((string?)error["kind"], (int)error["status"]!, (string?)error["code"], (string?)error["param"], (string?)error["type"]));
        Assert.Contains(parameter, (string?)error["message"], StringComparison.Ordinal);
        Assert.StartsWith("req-", (string?)error["requestId"], StringComparison.Ordinal);
    }

    private static string Text(JsonNode answer) => (string)answer["choices"]![0]!["message"]!["content"]!;

    private static string Joined(JsonArray chunks, Func<JsonNode, string?> text) =>
        string.Concat(chunks.SelectMany(c => c!["choices"]!.AsArray()).Select(c => text(c!)));
}
