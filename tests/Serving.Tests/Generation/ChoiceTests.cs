using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

/// <summary>What an answer of Best-of-N promises, over many requests.</summary>
public sealed class ChoiceTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const int Requests = 1000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_a_thousand_requests_each_gets_the_first_candidate_with_the_highest_total()
    {
        var app = await fixture.AppAsync(Token);
        var chosen = new int[Requests];

        await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Token }, async (i, token) =>
        {
            var answer = (await app.ChatAsync("best-of-n", $"Tool number {i} that converts address books.", Fields(i, "all", candidates: 4), token)).Json;
            var report = answer["best_of_n"]!;
            var totals = report["scores"]!.AsArray().Select(score => (double)score!["total"]!).ToArray();
            chosen[i] = (int)report["chosen"]!;
            Assert.Equal(Array.IndexOf(totals, totals.Max()), chosen[i]);
            Assert.Equal((string?)report["candidates"]![chosen[i]]!["text"], (string?)answer["choices"]![0]!["message"]!["content"]);
        });

        Assert.Equal([0, 1, 2, 3], chosen.Distinct().Order());         // or it would not be the scores that choose
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_bytes_apart_from_name_and_time()
    {
        var app = await fixture.AppAsync(Token);

        var answers = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            var answer = (await app.ChatAsync("best-of-n", "Tool that converts address books.", Fields(9, "all", candidates: 16), Token)).Json;
            (answer["id"], answer["created"], answer["usage"]!["prompt_tokens_details"]) = (null, null, null);
            answers.Add(answer.ToJsonString());
        }

        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task Every_candidate_is_the_single_answer_to_its_own_seed()
    {
        var app = await fixture.AppAsync(Token);
        var group = (await app.ChatAsync("anchor", "Tool that converts address books.", Fields(11, "all", candidates: 16), Token)).Json["best_of_n"]!;
        var candidates = group["candidates"]!.AsArray();

        Assert.Equal(16, candidates.Select(candidate => (long)candidate!["seed"]!).Distinct().Count());
        Assert.Equal(11, (long)candidates[0]!["seed"]!);
        foreach (var candidate in candidates)
        {
            var seed = ((long)candidate!["seed"]!).ToString(CultureInfo.InvariantCulture);
            var single = await app.ChatAsync("anchor", "Tool that converts address books.", $""" "seed":{seed},"max_tokens":8 """, Token);
            Assert.Equal((string?)candidate["text"], single.Text());
            Assert.Equal((string?)candidate["finish_reason"], (string?)single.Json["choices"]![0]!["finish_reason"]);
        }
    }

    private static string Fields(int seed, string shown, int candidates) =>
        new JsonObject
        {
            ["seed"] = seed,
            ["max_tokens"] = 8,
            ["best_of_n"] = new JsonObject { ["n"] = candidates, ["return"] = shown },
        }.ToJsonString()[1..^1];
}
