using System.ClientModel;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI.Chat;
using OpenAI.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>
/// The package OpenAI from NuGet against the whole server. Its typed answer shows the first choice only: several answers and our report are read from the raw
/// body.
/// </summary>
public sealed class OpenAiNuGetTests(ReadyApp ready, RefusingApp refusing) : IClassFixture<ReadyApp>, IClassFixture<RefusingApp>
{
    private static readonly ChatMessage[] _messages = [new UserChatMessage("Perl module to parse dates.")];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_a_whole_answer_and_the_same_one_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        var options = WatchedChat.Options("\"ignore_eos\": true");

        var whole = (await chat.Client.CompleteChatAsync(_messages, options, Token)).Value;
        var (model, text, usage) = await StreamAsync(chat.Client, options);

        Assert.StartsWith("chatcmpl-", whole.Id, StringComparison.Ordinal);
        Assert.Equal(("student@1", "student@1"), (whole.Model, model));
        Assert.Equal(whole.Content[0].Text, text);
        Assert.Equal(16, whole.Usage.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Length, whole.FinishReason);
        Assert.Equal(whole.Usage.TotalTokenCount, usage?.TotalTokenCount);
    }

    [Fact]
    public async Task It_shows_the_first_of_three_answers_and_the_raw_body_has_all()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        var one = (await chat.Client.CompleteChatAsync(_messages, WatchedChat.Options(), Token)).Value;

        var three = await chat.Client.CompleteChatAsync(_messages, WatchedChat.Options("\"n\": 3"), Token);

        Assert.Equal(one.Content[0].Text, three.Value.Content[0].Text);
        Assert.Equal([0, 1, 2], Json(three)["choices"]!.AsArray().Select(choice => (int)choice!["index"]!));
    }

    [Fact]
    public async Task It_gets_log_probs_whole_and_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        var options = WatchedChat.Options("\"ignore_eos\": true");
        options.IncludeLogProbabilities = true;
        options.TopLogProbabilityCount = 4;
        options.LogitBiases[77] = 1;

        var whole = (await chat.Client.CompleteChatAsync(_messages, options, Token)).Value;
        var streamed = new List<ChatTokenLogProbabilityDetails>();
        await foreach (var update in chat.Client.CompleteChatStreamingAsync(_messages, options, Token))
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
    public async Task It_gets_an_answer_that_satisfies_its_schema_whole_and_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        var options = WatchedChat.Options(maxTokens: 90);
        options.PresencePenalty = 0.5f;
        options.FrequencyPenalty = 0.5f;
        options.ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat(
            "review",
            BinaryData.FromString(
                """
                {"type":"object","properties":{"text":{"type":"string","maxLength":12},"stars":{"enum":[1,2,3]}},"required":["text","stars"],
                 "additionalProperties":false}
                """),
            jsonSchemaIsStrict: true);

        var whole = (await chat.Client.CompleteChatAsync(_messages, options, Token)).Value;
        var (_, streamed, _) = await StreamAsync(chat.Client, options);

        var value = JsonNode.Parse(whole.Content[0].Text)!;
        Assert.Equal(["text", "stars"], value.AsObject().Select(member => member.Key));
        Assert.InRange(value["text"]!.GetValue<string>().EnumerateRunes().Count(), 0, 12);
        Assert.InRange((int)value["stars"]!, 1, 3);
        Assert.Equal(ChatFinishReason.Stop, whole.FinishReason);
        Assert.Equal(whole.Content[0].Text, streamed);
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_with_its_report_whole_and_streamed()
    {
        var app = await ready.AppAsync(Token);
        using var chat = new WatchedChat(app, "best-of-n");
        var options = WatchedChat.Options("\"best_of_n\": {\"n\": 6, \"return\": \"all\"}");

        var whole = await chat.Client.CompleteChatAsync(_messages, options, Token);
        var (model, text, _) = await StreamAsync(chat.Client, options);

        var report = Json(whole)["best_of_n"]!;
        var totals = report["scores"]!.AsArray().Select(scores => (double)scores!["total"]!).ToArray();
        var chosen = (int)report["chosen"]!;
        Assert.Equal(Array.IndexOf(totals, totals.Max()), chosen);
        Assert.Equal((string?)report["candidates"]![chosen]!["text"], whole.Value.Content[0].Text);
        Assert.Single(app.Episodes(), episode => episode.Id == whole.Value.Id);
        Assert.Equal(("anchor@1", whole.Value.Content[0].Text), (model, text));
    }

    [Fact]
    public async Task It_lists_the_models()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));

        var models = (await new OpenAIModelClient(chat.Key, chat.Settings).GetModelsAsync(Token)).Value;

        Assert.Contains(models, model => model.Id == "best-of-n");
    }

    [Theory]
    [InlineData("distilled", 3f, 400, "invalid_value", "temperature")]
    [InlineData("gpt-4o", 1f, 404, "model_not_found", "model")]
    public async Task It_shows_a_refusal_whole_and_does_not_retry(string model, float temperature, int status, string code, string parameter)
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token), model, retries: 2);
        var options = WatchedChat.Options();
        options.Temperature = temperature;

        chat.AssertError(await FailureAsync(chat, options), status, code, parameter);
    }

    [Fact]
    public async Task It_shows_a_wrong_key()
    {
        using var chat = new WatchedChat(await refusing.AppAsync(Token), retries: 2, key: "wrong");

        chat.AssertError(await FailureAsync(chat), 401, "invalid_api_key", null);
    }

    [Fact]
    public async Task It_shows_a_body_that_is_too_large()
    {
        using var chat = new WatchedChat(await refusing.AppAsync(Token), retries: 2);

        chat.AssertError(await FailureAsync(chat, WatchedChat.Options($"\"user\": \"{new string('x', RefusingApp.MaxBodyBytes)}\"")), 413, "request_too_large", null);
    }

    [Fact]
    public async Task It_shows_an_overload_and_retries_until_it_is_over()
    {
        using var once = new WatchedChat(await refusing.AppAsync(Token));
        using var patient = new WatchedChat(await refusing.AppAsync(Token), retries: 50);
        Task<ClientResult<ChatCompletion>> answer;
        await using (await refusing.FillEngineAsync(Token))
        {
            once.AssertError(await FailureAsync(once), 429, "overloaded", null, "1");
            answer = patient.Client.CompleteChatAsync(_messages, WatchedChat.Options(), Token);
            await patient.FirstAttempt;
        }

        Assert.Equal("student@1", (await answer).Value.Model);
        Assert.Contains(429, patient.Statuses);
    }

    [Fact]
    public async Task It_shows_that_the_server_is_not_ready_and_retries_until_it_is()
    {
        await using var unready = new UnreadyApp();
        using var once = new WatchedChat(unready.App);
        using var patient = new WatchedChat(unready.App, retries: 50);
        once.AssertError(await FailureAsync(once), 503, "not_ready", null, "1");
        var answer = patient.Client.CompleteChatAsync(_messages, WatchedChat.Options(), Token);
        await patient.FirstAttempt;

        unready.Mend();

        Assert.Equal("student@2", (await answer).Value.Model);
        Assert.Contains(503, patient.Statuses);
    }

    [Fact]
    public async Task It_sees_a_failure_in_mid_stream()
    {
        using var chat = new WatchedChat(await refusing.AppAsync(Token));
        var updates = 0;

        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            await foreach (var _ in chat.Client.CompleteChatStreamingAsync(_messages, WatchedChat.Options("\"ignore_eos\": true", 16_000), Token))
            {
                if (updates++ == 0)
                {
                    refusing.PassDeadline();
                }
            }
        });

        Assert.True(updates > 0);
    }

    [Fact]
    public async Task A_swap_under_its_requests_fails_none_and_mixes_none() => SwappingApp.AssertWhole(await SwappingApp.AnswersAsync(
        async app =>
        {
            using var chat = new WatchedChat(app);
            var whole = (await chat.Client.CompleteChatAsync(_messages, WatchedChat.Options(), Token)).Value;
            var (model, text, _) = await StreamAsync(chat.Client, WatchedChat.Options());
            return [(whole.Model, whole.Content[0].Text), (model, text)];
        },
        Token));

    private static async Task<(string Model, string Text, ChatTokenUsage? Usage)> StreamAsync(ChatClient client, ChatCompletionOptions options)
    {
        var text = new StringBuilder();
        var models = new HashSet<string>();
        ChatTokenUsage? usage = null;
        await foreach (var update in client.CompleteChatStreamingAsync(_messages, options, Token))
        {
            text.AppendJoin("", update.ContentUpdate.Select(part => part.Text));
            models.Add(update.Model);
            usage ??= update.Usage;
        }

        return (Assert.Single(models), text.ToString(), usage);
    }

    private static Task<ClientResultException> FailureAsync(WatchedChat chat, ChatCompletionOptions? options = null) =>
        Assert.ThrowsAsync<ClientResultException>(() => chat.Client.CompleteChatAsync(_messages, options ?? WatchedChat.Options(), Token));

    private static JsonNode Json(ClientResult<ChatCompletion> answer) => JsonNode.Parse(answer.GetRawResponse().Content.ToString())!;
}
