using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>
/// The package cohere-ai from npm against /v2/rerank of the whole server. Rankings have neither streams, so nothing can fail in mid-stream, nor n, log-probs or
/// schemas; nearest are topN and raw scores. Scorers are not swapped: what a swap of a policy does to rankings is seen instead. Its /v2/chat is no route here.
/// </summary>
public sealed class CohereNpmTests(ReadyApp ready, RefusingApp refusing, NodeClient node)
    : IClassFixture<ReadyApp>, IClassFixture<RefusingApp>, IClassFixture<NodeClient>
{
    private const string Query = "\"query\": \"Perl module to parse dates.\", \"documents\": [\"a module for dates\", \"parse files\", \"python library\", \"dates\"]";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_all_documents_best_first()
    {
        var ranking = await Run(Query);

        var results = ranking["results"]!.AsArray();
        double[] scores = [.. results.Select(result => (double)result!["relevanceScore"]!)];
        Assert.Equal([0, 1, 2, 3], results.Select(result => (int)result!["index"]!).Order());
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.All(scores, score => Assert.InRange(score, 0, 1));
        Assert.StartsWith("rerank-", (string?)ranking["id"], StringComparison.Ordinal);
        Assert.StartsWith("req-", (string?)ranking["requestId"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_gets_the_three_best_and_their_raw_scores()
    {
        var all = (await Run(Query))["results"]!.AsArray();
        var three = (await Run(Query + ", \"topN\": 3"))["results"]!.AsArray();
        var raw = (await Run(Query + ", \"topN\": 3, \"raw_scores\": true"))["results"]!.AsArray();

        Assert.Equal(all.Take(3).Select(result => result!.ToJsonString()), three.Select(result => result!.ToJsonString()));
        Assert.Equal(three.Select(result => (double)result!["raw_logit"]!), raw.Select(result => (double)result!["relevanceScore"]!));
    }

    [Theory]
    [InlineData("\"topN\": 0", "BadRequestError", 400, "invalid_value", "top_n")]
    [InlineData("\"documents\": []", "BadRequestError", 400, "invalid_value", "documents")]
    [InlineData("\"model\": \"rerank-v4.0-pro\"", "NotFoundError", 404, "model_not_found", "model")]
    public async Task It_shows_a_refusal_whole_and_does_not_retry(string field, string kind, int status, string code, string parameter)
    {
        var fields = JsonNode.Parse($"{{{Query}}}")!.AsObject();
        var (name, value) = JsonNode.Parse($"{{{field}}}")!.AsObject().Single();
        fields[name] = value!.DeepClone();

        var error = await node.RunAsync(await ready.AppAsync(Token), "cohere.refusal", $"\"retries\": 2, \"fields\": {fields.ToJsonString()}", Token);

        AssertError(error, kind, status, code, parameter);
    }

    [Fact]
    public async Task A_chat_is_refused_as_a_route_that_is_not_there() =>
        AssertError(await node.RunAsync(await ready.AppAsync(Token), "cohere.chatRefusal", "", Token), "NotFoundError", 404, "unknown_url", null);

    [Fact]
    public async Task It_shows_a_wrong_key() => AssertError(await Refusal("\"key\": \"wrong\", \"retries\": 2"), "UnauthorizedError", 401, "invalid_api_key", null);

    [Fact]
    public async Task It_shows_a_body_that_is_too_large() => AssertError(
        await Refusal("\"retries\": 2", new string('x', RefusingApp.MaxBodyBytes)), "CohereError", 413, "request_too_large", null);

    [Fact]
    public async Task It_shows_an_overload_and_retries_until_it_is_over()
    {
        JsonNode error;
        await using (await refusing.FillScorersAsync(Token))
        {
            error = await Refusal("");
            await node.BeginAsync(await refusing.AppAsync(Token), "cohere.refusal", $"\"retries\": 50, \"fields\": {{{Query}}}", Token);
            await node.EventAsync("429", Token);
        }

        AssertError(error, "TooManyRequestsError", 429, "overloaded", null);
        Assert.Equal("1", (string?)error["retryAfter"]);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task It_shows_that_the_server_is_not_ready_and_retries_until_it_is()
    {
        await using var unready = new UnreadyApp();
        var error = await node.RunAsync(unready.App, "cohere.refusal", $"\"fields\": {{{Query}}}", Token);
        await node.BeginAsync(unready.App, "cohere.refusal", $"\"retries\": 50, \"fields\": {{{Query}}}", Token);
        await node.EventAsync("503", Token);

        unready.Mend();

        AssertError(error, "ServiceUnavailableError", 503, "not_ready", null);
        Assert.Equal("1", (string?)error["retryAfter"]);
        Assert.Null(await node.ResultAsync(Token));
    }

    [Fact]
    public async Task A_swap_of_a_policy_fails_no_ranking_and_changes_none()
    {
        var answers = await SwappingApp.AnswersAsync(node, "cohere", $"\"fields\": {{{Query}}}", Token);

        Assert.Equal(["student@1", "student@2"], answers.Select(answer => (string?)answer!["model"]).Distinct().Order());
        Assert.Single(answers.Select(answer => (string?)answer!["text"]).Distinct());
    }

    private async Task<JsonNode> Run(string fields) => await node.RunAsync(await ready.AppAsync(Token), "cohere.rerank", $"\"fields\": {{{fields}}}", Token);

    private async Task<JsonNode> Refusal(string members, string query = "dates")
    {
        var fields = $"\"fields\": {{\"query\": \"{query}\", \"documents\": [\"dates\"]}}";
        return await node.RunAsync(await refusing.AppAsync(Token), "cohere.refusal", members.Length == 0 ? fields : $"{members}, {fields}", Token);
    }

    private static void AssertError(JsonNode error, string kind, int status, string code, string? parameter)
    {
        var told = error["body"]!["error"]!;
        Assert.Equal(
            (kind, status, code, parameter),
            ((string?)error["kind"], (int)error["status"]!, (string?)told["code"], (string?)told["param"]));
        Assert.Contains((string)told["code"]!, (string?)error["message"], StringComparison.Ordinal);
        Assert.StartsWith("req-", (string?)error["requestId"], StringComparison.Ordinal);
        Assert.Equal([status], error["statuses"]!.AsArray().Select(tried => (int)tried!));
    }
}
