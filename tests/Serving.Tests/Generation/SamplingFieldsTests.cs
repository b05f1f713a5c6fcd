using System.Net;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class SamplingFieldsTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private const string Message = "Tools to convert sound files between formats.";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_with_a_bias_of_minus_100_is_never_drawn()
    {
        var app = await fixture.AppAsync(Token);
        var barred = new HashSet<int>();
        for (var round = 0; round < 6; round++)
        {
            var bias = string.Join(',', barred.Select(token => $"\"{token}\":-100"));
            var tokens = await TokensAsync(app, $$""" "logit_bias":{{{bias}}} """);

            Assert.DoesNotContain(tokens, barred.Contains);
            barred.UnionWith(tokens);          // next time none of these
        }

        Assert.True(barred.Count > 30, "six rounds without a common token");
    }

    [Fact]
    public async Task A_token_with_a_bias_of_100_is_always_drawn()
    {
        var app = await fixture.AppAsync(Token);

        Assert.All(await TokensAsync(app, """ "logit_bias":{"77":100} """), token => Assert.Equal(77, token));
    }

    [Theory]
    [InlineData("\"temperature\":0,\"presence_penalty\":2,\"frequency_penalty\":2,\"repetition_penalty\":10")]
    [InlineData("\"temperature\":0,\"repetition_penalty\":10")]
    public async Task Penalties_make_an_answer_richer(string fields)
    {
        var app = await fixture.AppAsync(Token);

        var plain = await TokensAsync(app, "\"temperature\":0");
        var penalised = await TokensAsync(app, fields);

        Assert.True(penalised.Distinct().Count() > plain.Distinct().Count(), $"{penalised.Distinct().Count()} and {plain.Distinct().Count()} tokens");
    }

    [Fact]
    public async Task A_min_p_of_1_leaves_the_most_probable_token_only()
    {
        var app = await fixture.AppAsync(Token);

        Assert.Equal(await TokensAsync(app, "\"temperature\":0"), await TokensAsync(app, "\"temperature\":1.5,\"min_p\":1"));
    }

    [Theory]
    [InlineData("\"logit_bias\":{\"320\":1}", "logit_bias")]
    [InlineData("\"logit_bias\":{\"2147483648\":1}", "logit_bias.2147483648")]
    public async Task A_bias_for_a_token_that_the_policy_does_not_know_is_a_400(string fields, string parameter)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.ChatAsync("distilled", Message, fields, Token);

        Assert.Equal((HttpStatusCode.BadRequest, parameter), (reply.Status, (string?)reply.Json["error"]!["param"]));
    }

    [Fact]
    public async Task Fields_that_ask_for_nothing_here_are_accepted()
    {
        var app = await fixture.AppAsync(Token);
        var plain = await app.ChatAsync("distilled", Message, """ "seed":3 """, Token);

        var other = await app.ChatAsync(
            "distilled",
            Message,
            """
            "seed":3,"user":"u","safety_identifier":"s","service_tier":"flex","priority":5,"best_of":1,"something_new":{"a":[1]},"logit_bias":{},
            "min_p":0,"repetition_penalty":1,"presence_penalty":0,"frequency_penalty":0,"parallel_tool_calls":false,"prompt_cache_key":"k"
            """,
            Token);

        Assert.Equal(HttpStatusCode.OK, other.Status);
        Assert.Equal(plain.Text(), other.Text());
    }

    [Fact]
    public async Task Usage_tells_how_much_of_the_prompt_was_cached()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        var words = string.Join(' ', Enumerable.Repeat("sound files", 12));
        var first = (await app.ChatAsync("distilled", words, """ "max_tokens":2,"n":2 """, Token)).Json["usage"]!;
        var again = (await app.ChatAsync("distilled", words, """ "max_tokens":2,"n":2 """, Token)).Json["usage"]!;
        var longer = (await app.ChatAsync("distilled", words + " more", """ "max_tokens":2 """, Token)).Json["usage"]!;

        var prompt = (int)first["prompt_tokens"]!;
        Assert.Equal(0, (int)first["prompt_tokens_details"]!["cached_tokens"]!);
        Assert.Equal(prompt - 1, (int)again["prompt_tokens_details"]!["cached_tokens"]!);
        Assert.InRange((int)longer["prompt_tokens_details"]!["cached_tokens"]!, 16, prompt - 1);
    }

    private static async Task<int[]> TokensAsync(ServingApp app, string fields)
    {
        var reply = await app.ChatAsync("anchor", Message, $$""" "seed":9,"max_tokens":24,"ignore_eos":true,"best_of_n":{"n":1,"return":"all"},{{fields}} """, Token);
        return [.. reply.Json["best_of_n"]!["candidates"]![0]!["tokens"]!.AsArray().Select(token => (int)token!)];
    }
}
