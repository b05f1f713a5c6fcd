using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class BestOfNContractTests : IAsyncDisposable
{
    private const string Message = "It converts address books and alias files into the widely-used vCard format.";

    private readonly ServingApp _app = new(new Dictionary<string, string>
    {
        ["Scoring:Scorecard"] = "default",
        ["Scoring:Scorecards:default:reward:Weight"] = "1",
        ["Scoring:Scorecards:default:style:Weight"] = "1",
        ["Scoring:Scorecards:Formal:style:Weight"] = "2",
        ["Scoring:Scorecards:Formal:consensus:Weight"] = "1",
    });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task A_group_that_is_good_enough_stops_and_says_so_and_is_no_independent_group()
    {
        await _app.ReadyAsync(Token);
        var whole = await Ask("""{"n":16,"return":"all"}""");
        var stopped = await Ask("""{"n":16,"return":"all","early_stop":{"at":-1e9}}""");
        var never = await Ask("""{"n":16,"return":"all","early_stop":{"at":1e9}}""");

        var report = stopped.Json["best_of_n"]!;
        Assert.Equal((8, true), ((int)report["n"]!, (bool)report["stopped_early"]!));
        Assert.Equal(
            whole.Json["best_of_n"]!["candidates"]!.AsArray().Take(8).Select(candidate => candidate!.ToJsonString()),
            report["candidates"]!.AsArray().Select(candidate => candidate!.ToJsonString()));
        var totals = report["scores"]!.AsArray().Select(score => (double)score!["total"]!).ToArray();
        Assert.Equal(Array.IndexOf(totals, totals.Max()), (int)report["chosen"]!);
        Assert.Equal((int)report["tokens_spent"]!, (int)report["tokens_saved"]!);          // eight of sixteen at the mean length of eight
        Assert.False((bool)never.Json["best_of_n"]!["stopped_early"]!);
        Assert.Equal(whole.Json["best_of_n"]!["candidates"]!.ToJsonString(), never.Json["best_of_n"]!["candidates"]!.ToJsonString());
        Assert.Equal([true, false, false], _app.Episodes().Select(episode => episode.Independent));
        Assert.Equal([16, 8, 16], _app.Episodes().Select(episode => episode.Candidates.Count));
    }

    [Fact]
    public async Task The_value_to_stop_at_is_learnt_told_and_repeats_the_answer()
    {
        await _app.ReadyAsync(Token);
        var replies = new List<JsonNode>();
        for (var seed = 0; seed < 80; seed++)
        {
            replies.Add((await Ask("""{"n":8,"return":"all","early_stop":true}""", seed)).Json["best_of_n"]!);
        }

        Assert.All(replies.Take(32), report => Assert.Null(report["early_stop_at"]));
        Assert.All(replies.Skip(32), report => Assert.NotNull(report["early_stop_at"]));
        Assert.InRange(replies.Skip(32).Count(report => (bool)report["stopped_early"]!), 5, 45);
        var some = replies.FindLastIndex(report => (bool)report["stopped_early"]!);
        var at = ((double)replies[some]["early_stop_at"]!).ToString("R", CultureInfo.InvariantCulture);
        var again = await Ask($$"""{"n":8,"return":"all","early_stop":{"at":{{at}} } }""", some);
        Assert.Equal(replies[some].ToJsonString(), again.Json["best_of_n"]!.ToJsonString());
    }

    [Theory]
    [InlineData("\"temperature\":0.7,\"top_p\":0.9,\"top_k\":20", true)]
    [InlineData("\"min_p\":0.1", false)]
    [InlineData("\"presence_penalty\":0.5", false)]
    [InlineData("\"logit_bias\":{\"5\":1}", false)]
    [InlineData("\"ignore_eos\":true", false)]
    [InlineData("\"stop\":\"x\"", false)]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", false)]
    public async Task Only_draws_that_a_record_describes_whole_count_as_independent(string fields, bool independent)
    {
        await _app.ReadyAsync(Token);

        var reply = await _app.ChatAsync("best-of-n", Message, $"{fields},\"max_tokens\":8,\"best_of_n\":{{\"n\":2}}", Token);

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(independent, Assert.Single(_app.Episodes()).Independent);
    }

    [Fact]
    public async Task A_request_may_name_its_scorecard()
    {
        await _app.ReadyAsync(Token);
        var card = _app.Services.GetRequiredService<Scorecards>().Find("formal")!;

        var reply = await Ask("""{"n":4,"return":"all","scorecard":"formal"}""");
        var unknown = await Ask("""{"n":4,"scorecard":"none"}""");

        var report = reply.Json["best_of_n"]!;
        Assert.Equal(("Formal", card.Digest), ((string?)report["scorecard"], (string?)report["scorecard_digest"]));
        Assert.Equal(["total", "consensus", "style"], report["scores"]![0]!.AsObject().Select(score => score.Key));
        Assert.Equal("Formal", Assert.Single(_app.Episodes()).Scorecard);
        Assert.Equal((HttpStatusCode.NotFound, "scorecard_not_found"), (unknown.Status, (string?)unknown.Json["error"]!["code"]));
        Assert.Contains("default", (string?)unknown.Json["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_budget_that_could_be_exceeded_is_refused_before_anything_is_generated()
    {
        await _app.ReadyAsync(Token);

        var refused = await Ask("""{"n":4,"budget_tokens":31}""");
        var kept = await Ask("""{"n":4,"budget_tokens":32}""");

        Assert.Equal((HttpStatusCode.BadRequest, "budget_exceeded"), (refused.Status, (string?)refused.Json["error"]!["code"]));
        Assert.Equal("best_of_n.budget_tokens", (string?)refused.Json["error"]!["param"]);
        Assert.InRange((int)kept.Json["best_of_n"]!["tokens_spent"]!, 4, 32);
        Assert.Single(_app.Episodes());
    }

    [Theory]
    [InlineData("""{"early_stop":"yes"}""", "best_of_n.early_stop")]
    [InlineData("""{"early_stop":{}}""", "best_of_n.early_stop.at")]
    [InlineData("""{"early_stop":{"at":"1"}}""", "best_of_n.early_stop.at")]
    [InlineData("""{"early_stop":{"at":1e999}}""", "best_of_n.early_stop.at")]
    [InlineData("""{"budget_tokens":0}""", "best_of_n.budget_tokens")]
    [InlineData("""{"scorecard":1}""", "best_of_n.scorecard")]
    public async Task Bad_values_are_named(string ranking, string field)
    {
        await _app.ReadyAsync(Token);

        var reply = await Ask(ranking);

        Assert.Equal((HttpStatusCode.BadRequest, field), (reply.Status, (string?)reply.Json["error"]!["param"]));
    }

    private Task<Reply> Ask(string ranking, int seed = 3) =>
        _app.ChatAsync("best-of-n", Message, $"\"seed\":{seed},\"max_tokens\":8,\"best_of_n\":{ranking}", Token);
}
