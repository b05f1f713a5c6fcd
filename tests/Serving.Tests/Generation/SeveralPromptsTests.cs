using System.Net;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class SeveralPromptsTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("\"<s>Perl module<sum>\"", "\"<s>GNU R<sum>\"", "\"<s>Perl module<sum>\"")]
    [InlineData("[1,50,51,52]", "[1,60]", "[1]")]
    [InlineData("\"<s>Perl module<sum>\"", "[1,60]", "\"x\"")]
    public async Task Several_prompts_give_what_each_gives_alone_prompt_by_prompt(params string[] prompts)
    {
        var app = await fixture.AppAsync(Token);

        var together = await CompleteAsync(app, $"[{string.Join(',', prompts)}]", "\"seed\":4,\"n\":2");
        var alone = new List<JsonNode>();
        foreach (var prompt in prompts)
        {
            alone.Add((await CompleteAsync(app, prompt, "\"seed\":4,\"n\":2")).Json);
        }

        var choices = together.Json["choices"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, 6), choices.Select(c => (int)c!["index"]!));
        Assert.Equal(alone.SelectMany(a => a["choices"]!.AsArray()).Select(c => (string?)c!["text"]), choices.Select(c => (string?)c!["text"]));
        Assert.Equal(alone.Sum(a => (int)a["usage"]!["prompt_tokens"]!), (int)together.Json["usage"]!["prompt_tokens"]!);
        Assert.Equal(alone.Sum(a => (int)a["usage"]!["completion_tokens"]!), (int)together.Json["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task Without_a_seed_equal_prompts_get_answers_of_their_own()
    {
        var app = await fixture.AppAsync(Token);

        var reply = await CompleteAsync(app, "[\"<s>Perl<sum>\",\"<s>Perl<sum>\",\"<s>Perl<sum>\"]", "\"n\":1");

        Assert.Equal(3, Enumerable.Range(0, 3).Select(reply.Text).Distinct().Count());
    }

    [Theory]
    [InlineData("distilled", "[\"x\",\"\"]", "prompt[1]")]
    [InlineData("distilled", "[[1],[1,320]]", "prompt[1][1]")]
    [InlineData("distilled", "[[1],[]]", "prompt[1]")]
    [InlineData("best-of-n", "[\"x\",\"y\"]", "prompt")]
    public async Task A_prompt_that_cannot_be_answered_is_named(string model, string prompts, string parameter)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync("/v1/completions", $$"""{"model":"{{model}}","prompt":{{prompts}}}""", Token);

        Assert.Equal((HttpStatusCode.BadRequest, parameter), (reply.Status, (string?)reply.Json["error"]!["param"]));
    }

    private static Task<Reply> CompleteAsync(ServingApp app, string prompt, string fields) =>
        app.PostAsync("/v1/completions", $$"""{"model":"distilled","prompt":{{prompt}},"max_tokens":9,"ignore_eos":true,{{fields}}}""", Token);
}
