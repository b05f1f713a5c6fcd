using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>The OpenAI package from NuGet against the whole server.</summary>
public sealed class OpenAiPackageTests(ReadyApp fixture) : IClassFixture<ReadyApp>
{
    private static readonly ChatMessage[] _messages = [new UserChatMessage("Perl module to parse dates.")];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_a_plain_answer()
    {
        var app = await fixture.AppAsync(Token);

        var answer = (await Client(app, "distilled").CompleteChatAsync(_messages, Options(), Token)).Value;

        Assert.StartsWith("chatcmpl-", answer.Id, StringComparison.Ordinal);
        Assert.Equal("student@1", answer.Model);
        Assert.True(answer.Content[0].Text.Length > 0);
        Assert.Equal(16, answer.Usage.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal(16, answer.ContentTokenLogProbabilities.Count);
    }

    [Fact]
    public async Task It_streams_the_same_answer_token_by_token()
    {
        var app = await fixture.AppAsync(Token);
        var client = Client(app, "distilled");
        var whole = (await client.CompleteChatAsync(_messages, Options(), Token)).Value;

        var text = new StringBuilder();
        ChatTokenUsage? usage = null;
        ChatFinishReason? reason = null;
        await foreach (var update in client.CompleteChatStreamingAsync(_messages, Options(), Token))
        {
            text.AppendJoin("", update.ContentUpdate.Select(part => part.Text));
            usage ??= update.Usage;
            reason ??= update.FinishReason;
        }

        Assert.Equal(whole.Content[0].Text, text.ToString());
        Assert.Equal(whole.Usage.TotalTokenCount, usage?.TotalTokenCount);
        Assert.Equal(ChatFinishReason.Length, reason);
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_and_its_scores_through_the_protocol_method()
    {
        var app = await fixture.AppAsync(Token);
        var body = ServingApp.ChatBody("best-of-n", "Perl module to parse dates.", """ "seed":5,"max_tokens":12,"best_of_n":{"n":6,"return":"all"} """);

        var raw = (await Client(app, "best-of-n").CompleteChatAsync(BinaryContent.Create(BinaryData.FromString(body)))).GetRawResponse();

        var answer = JsonNode.Parse(raw.Content.ToString())!;
        var totals = answer["best_of_n"]!["scores"]!.AsArray().Select(s => (double)s!["total"]!).ToArray();
        var chosen = (int)answer["best_of_n"]!["chosen"]!;
        Assert.Equal(Array.IndexOf(totals, totals.Max()), chosen);
        Assert.Equal((string?)answer["best_of_n"]!["candidates"]![chosen]!["text"], (string?)answer["choices"]![0]!["message"]!["content"]);
        Assert.Single(app.Episodes(), e => e.Id == (string?)answer["id"]);
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_by_the_alias_alone_whole_and_streamed()
    {
        var app = await fixture.AppAsync(Token);
        var client = Client(app, "best-of-n");

        var whole = (await client.CompleteChatAsync(_messages, Options(logProbs: false), Token)).Value;
        var text = new StringBuilder();
        await foreach (var update in client.CompleteChatStreamingAsync(_messages, Options(logProbs: false), Token))
        {
            text.AppendJoin("", update.ContentUpdate.Select(part => part.Text));
        }

        Assert.Equal("anchor@1", whole.Model);
        Assert.Equal(whole.Content[0].Text, text.ToString());
    }

    [Fact]
    public async Task It_gets_three_answers_through_the_protocol_method()
    {
        var app = await fixture.AppAsync(Token);
        var body = ServingApp.ChatBody("distilled", "Perl module to parse dates.", """ "seed":5,"n":3 """);

        var raw = (await Client(app, "distilled").CompleteChatAsync(BinaryContent.Create(BinaryData.FromString(body)))).GetRawResponse();

        Assert.Equal([0, 1, 2], JsonNode.Parse(raw.Content.ToString())!["choices"]!.AsArray().Select(c => (int)c!["index"]!));
    }

    [Fact]
    public async Task It_gets_the_most_probable_tokens_whole_and_streamed()
    {
        var app = await fixture.AppAsync(Token);
        var client = Client(app, "distilled");
        var options = Options();
        options.TopLogProbabilityCount = 4;
        options.LogitBiases[77] = 1;

        var whole = (await client.CompleteChatAsync(_messages, options, Token)).Value;
        var streamed = new List<ChatTokenLogProbabilityDetails>();
        await foreach (var update in client.CompleteChatStreamingAsync(_messages, options, Token))
        {
            streamed.AddRange(update.ContentTokenLogProbabilities);
        }

        Assert.Equal(16, whole.ContentTokenLogProbabilities.Count);
        Assert.All(whole.ContentTokenLogProbabilities, token => Assert.Equal(4, token.TopLogProbabilities.Count));
        Assert.All(whole.ContentTokenLogProbabilities, token => Assert.True(token.LogProbability <= token.TopLogProbabilities[0].LogProbability));
        Assert.Equal(Described(whole.ContentTokenLogProbabilities), Described(streamed));

        static IEnumerable<string> Described(IEnumerable<ChatTokenLogProbabilityDetails> tokens) =>
            tokens.Select(token => $"{token.Token} {token.LogProbability} {string.Join(',', token.TopLogProbabilities.Select(top => $"{top.Token} {top.LogProbability}"))}");
    }

    [Fact]
    public async Task It_gets_an_answer_that_satisfies_its_schema()
    {
        var app = await fixture.AppAsync(Token);
        var options = new ChatCompletionOptions
        {
            MaxOutputTokenCount = 90,
            PresencePenalty = 0.5f,
            FrequencyPenalty = 0.5f,
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat(
                "review",
                BinaryData.FromString(
                    """
                    {"type":"object","properties":{"text":{"type":"string","maxLength":12},"stars":{"enum":[1,2,3]}},"required":["text","stars"],
                     "additionalProperties":false}
                    """),
                jsonSchemaIsStrict: true),
        };

        var answer = (await Client(app, "distilled").CompleteChatAsync(_messages, options, Token)).Value;

        var value = JsonNode.Parse(answer.Content[0].Text)!;
        Assert.Equal(["text", "stars"], value.AsObject().Select(member => member.Key));
        Assert.InRange(value["text"]!.GetValue<string>().EnumerateRunes().Count(), 0, 12);
        Assert.InRange((int)value["stars"]!, 1, 3);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
    }

    [Fact]
    public async Task It_lists_the_models()
    {
        var app = await fixture.AppAsync(Token);

        var models = (await new OpenAIModelClient(Key, Settings(app)).GetModelsAsync(Token)).Value;

        Assert.Contains(models, m => m.Id == "best-of-n");
    }

    [Theory]
    [InlineData("distilled", 3f, 400, "invalid_value", "temperature")]
    [InlineData("gpt-4o", 1f, 404, "model_not_found", "model")]
    public async Task It_shows_an_error_whole(string model, float temperature, int status, string code, string parameter)
    {
        var app = await fixture.AppAsync(Token);

        var error = await Assert.ThrowsAsync<ClientResultException>(() =>
            Client(app, model).CompleteChatAsync(_messages, new ChatCompletionOptions { Temperature = temperature }, Token));

        Assert.Equal(status, error.Status);
        Assert.Contains(code, error.Message, StringComparison.Ordinal);
        Assert.Contains($"\"{parameter}\"", error.Message.Contains("There is no model", StringComparison.Ordinal) ? "\"model\"" : error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_sees_a_failure_in_mid_stream()
    {
        var time = new ManualTime();
        await using var app = await BreakableApp.StartAsync(time, Token);
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 4000 };
#pragma warning disable SCME0001 // the one way to send a field that the typed options lack on a typed stream
        options.Patch.Set("$.ignore_eos"u8, true);
        options.Patch.Set("$.n"u8, 16);
#pragma warning restore SCME0001
        var updates = 0;

        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            await foreach (var _ in Client(app, "distilled").CompleteChatStreamingAsync(_messages, options, Token))
            {
                if (updates++ == 0)
                {
                    time.Advance(TimeSpan.FromMinutes(3));
                }
            }
        });

        Assert.True(updates > 0);
    }

    private static ApiKeyCredential Key => new("unused");

    private static OpenAIClientOptions Settings(ServingApp app) =>
        new() { Endpoint = new Uri(app.Client.BaseAddress!, "v1"), RetryPolicy = new ClientRetryPolicy(0) };

    private static ChatClient Client(ServingApp app, string model) => new(model, Key, Settings(app));

    private static ChatCompletionOptions Options(bool logProbs = true)
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 16, IncludeLogProbabilities = logProbs };
#pragma warning disable OPENAI001 // seed is marked as a preview feature of the package
        options.Seed = 5;
#pragma warning restore OPENAI001
#pragma warning disable SCME0001
        options.Patch.Set("$.ignore_eos"u8, true);
#pragma warning restore SCME0001
        return options;
    }
}
