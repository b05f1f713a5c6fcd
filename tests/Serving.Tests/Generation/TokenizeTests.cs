using System.Net;
using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class TokenizeTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("reading archives, naïve 東京")]
    [InlineData("")]
    public async Task Text_goes_to_ids_and_back(string text)
    {
        var app = await fixture.AppAsync(Token);
        var prompt = JsonValue.Create(text)!.ToJsonString();

        var ids = await app.PostAsync("/tokenize", $$"""{"model":"anchor","prompt":{{prompt}},"add_special_tokens":false,"return_token_strs":true}""", Token);
        var back = await app.PostAsync("/detokenize", $$"""{"model":"anchor","tokens":{{ids.Json["tokens"]!.ToJsonString()}}}""", Token);

        Assert.Equal(text, (string?)back.Json["prompt"]);
        Assert.Equal(ids.Json["tokens"]!.AsArray().Count, (int)ids.Json["count"]!);
        Assert.Equal((int)ids.Json["count"]!, ids.Json["token_strs"]!.AsArray().Count);
        Assert.True((int)ids.Json["max_model_len"]! > 0);
    }

    [Fact]
    public async Task A_conversation_has_the_ids_that_its_request_prefills()
    {
        var app = await fixture.AppAsync(Token);
        const string messages = """ "messages":[{"role":"user","content":"reading archives"}] """;

        var ids = await app.PostAsync("/tokenize", $$"""{"model":"best-of-n",{{messages}} }""", Token);
        var answer = await app.PostAsync("/v1/chat/completions", $$"""{"model":"best-of-n",{{messages}},"max_tokens":2,"best_of_n":{"n":1} }""", Token);

        Assert.Equal((int)answer.Json["usage"]!["prompt_tokens"]!, (int)ids.Json["count"]!);
        Assert.Equal(app.Episodes()[^1].PromptTokens, ids.Json["tokens"]!.AsArray().Select(id => (int)id!));
    }

    [Theory]
    [InlineData("/tokenize", """{"model":"none","prompt":"a"}""", 404, "model")]
    [InlineData("/tokenize", """{"prompt":[1,2]}""", 400, "prompt")]
    [InlineData("/tokenize", """{}""", 400, "prompt")]
    [InlineData("/detokenize", """{}""", 400, "tokens")]
    [InlineData("/detokenize", """{"tokens":"a"}""", 400, "tokens")]
    [InlineData("/detokenize", """{"tokens":[1,999999]}""", 400, "tokens[1]")]
    [InlineData("/detokenize", """{"tokens":[-1]}""", 400, "tokens[0]")]
    public async Task Bad_values_are_named(string path, string body, int status, string field)
    {
        var app = await fixture.AppAsync(Token);

        var reply = await app.PostAsync(path, body, Token);

        Assert.Equal(((HttpStatusCode)status, field), (reply.Status, (string?)reply.Json["error"]!["param"]));
    }
}
