using System.ClientModel;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using Serving.Testing;
using Xunit;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ChatResponseFormat = Microsoft.Extensions.AI.ChatResponseFormat;

namespace Serving.SystemTests.Clients;

/// <summary>
/// The package Microsoft.Extensions.AI.OpenAI from NuGet against the whole server. Its options have no n and no log-probs: both are set on the OpenAI package's
/// options below it and read from that package's answer.
/// </summary>
public sealed class ExtensionsAiNuGetTests(ReadyApp ready, RefusingApp refusing) : IClassFixture<ReadyApp>, IClassFixture<RefusingApp>
{
    private static readonly ChatMessage[] _messages = [new(ChatRole.User, "Perl module to parse dates.")];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_gets_a_whole_answer_and_the_same_one_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        using var client = chat.Client.AsIChatClient();

        var whole = await client.GetResponseAsync(_messages, Options(), Token);
        var streamed = await client.GetStreamingResponseAsync(_messages, Options(), Token).ToChatResponseAsync(Token);

        Assert.StartsWith("chatcmpl-", whole.ResponseId, StringComparison.Ordinal);
        Assert.Equal(("student@1", "student@1"), (whole.ModelId, streamed.ModelId));
        Assert.Equal(whole.Text, streamed.Text);
        Assert.Equal(whole.FinishReason, streamed.FinishReason);
        Assert.True(whole.Usage?.InputTokenCount > 0);
        Assert.Equal(whole.Usage?.TotalTokenCount, streamed.Usage?.TotalTokenCount);
    }

    [Fact]
    public async Task It_shows_the_first_of_three_answers()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        using var client = chat.Client.AsIChatClient();

        var one = await client.GetResponseAsync(_messages, Options(), Token);
        var three = await client.GetResponseAsync(_messages, Options("\"n\": 3"), Token);

        Assert.Equal(one.Text, three.Text);
        Assert.True(three.Usage?.OutputTokenCount > one.Usage?.OutputTokenCount);
    }

    [Fact]
    public async Task Log_probs_stand_in_the_answer_below_its_own_whole_and_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        using var client = chat.Client.AsIChatClient();

        var whole = await client.GetResponseAsync(_messages, Options("\"logprobs\": true, \"top_logprobs\": 2"), Token);
        var streamed = 0;
        await foreach (var update in client.GetStreamingResponseAsync(_messages, Options("\"logprobs\": true, \"top_logprobs\": 2"), Token))
        {
            streamed += (update.RawRepresentation as StreamingChatCompletionUpdate)?.ContentTokenLogProbabilities.Count ?? 0;
        }

        var below = Assert.IsType<ChatCompletion>(whole.RawRepresentation);
        Assert.Equal(below.Usage.OutputTokenCount, below.ContentTokenLogProbabilities.Count);
        Assert.Equal(below.Usage.OutputTokenCount, streamed);
    }

    [Fact]
    public async Task It_gets_an_answer_that_satisfies_the_schema_of_a_type_whole_and_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token));
        using var client = chat.Client.AsIChatClient();
        var options = Options(maxTokens: 90);
        options.ResponseFormat = ChatResponseFormat.ForJsonSchema<Review>();

        var whole = await client.GetResponseAsync(_messages, options, Token);
        var streamed = await client.GetStreamingResponseAsync(_messages, options, Token).ToChatResponseAsync(Token);

        var review = JsonNode.Parse(whole.Text)!;
        Assert.Equal(["stars", "good"], review.AsObject().Select(member => member.Key));
        _ = (int)review["stars"]! + ((bool)review["good"]! ? 1 : 0);
        Assert.Equal(whole.Text, streamed.Text);
    }

    [Fact]
    public async Task It_gets_a_ranked_answer_whole_and_streamed()
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token), "best-of-n");
        using var client = chat.Client.AsIChatClient();

        var whole = await client.GetResponseAsync(_messages, Options("\"best_of_n\": {\"n\": 6}"), Token);
        var streamed = await client.GetStreamingResponseAsync(_messages, Options("\"best_of_n\": {\"n\": 6}"), Token).ToChatResponseAsync(Token);

        Assert.Equal(("anchor@1", "anchor@1"), (whole.ModelId, streamed.ModelId));
        Assert.Equal(whole.Text, streamed.Text);
    }

    [Theory]
    [InlineData("distilled", 3f, 400, "invalid_value", "temperature")]
    [InlineData("gpt-4o", 1f, 404, "model_not_found", "model")]
    public async Task It_shows_a_refusal_whole_and_does_not_retry(string model, float temperature, int status, string code, string parameter)
    {
        using var chat = new WatchedChat(await ready.AppAsync(Token), model, retries: 2);
        var options = Options();
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

        chat.AssertError(await FailureAsync(chat, Options($"\"user\": \"{new string('x', RefusingApp.MaxBodyBytes)}\"")), 413, "request_too_large", null);
    }

    [Fact]
    public async Task It_shows_an_overload_and_retries_until_it_is_over()
    {
        using var once = new WatchedChat(await refusing.AppAsync(Token));
        using var patient = new WatchedChat(await refusing.AppAsync(Token), retries: 50);
        using var client = patient.Client.AsIChatClient();
        Task<ChatResponse> answer;
        await using (await refusing.FillEngineAsync(Token))
        {
            once.AssertError(await FailureAsync(once), 429, "overloaded", null, "1");
            answer = client.GetResponseAsync(_messages, Options(), Token);
            await patient.FirstAttempt;
        }

        Assert.Equal("student@1", (await answer).ModelId);
        Assert.Contains(429, patient.Statuses);
    }

    [Fact]
    public async Task It_shows_that_the_server_is_not_ready_and_retries_until_it_is()
    {
        await using var unready = new UnreadyApp();
        using var once = new WatchedChat(unready.App);
        using var patient = new WatchedChat(unready.App, retries: 50);
        using var client = patient.Client.AsIChatClient();
        once.AssertError(await FailureAsync(once), 503, "not_ready", null, "1");
        var answer = client.GetResponseAsync(_messages, Options(), Token);
        await patient.FirstAttempt;

        unready.Mend();

        Assert.Equal("student@2", (await answer).ModelId);
        Assert.Contains(503, patient.Statuses);
    }

    [Fact]
    public async Task It_sees_a_failure_in_mid_stream()
    {
        using var chat = new WatchedChat(await refusing.AppAsync(Token));
        using var client = chat.Client.AsIChatClient();
        var updates = 0;

        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            await foreach (var _ in client.GetStreamingResponseAsync(_messages, Options("\"ignore_eos\": true", 16_000), Token))
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
            using var client = chat.Client.AsIChatClient();
            var whole = await client.GetResponseAsync(_messages, Options(), Token);
            var streamed = await client.GetStreamingResponseAsync(_messages, Options(), Token).ToChatResponseAsync(Token);
            return [(whole.ModelId, whole.Text), (streamed.ModelId, streamed.Text)];
        },
        Token));

    private static ChatOptions Options(string members = "", int maxTokens = 16) => new()
    {
        Seed = 5,
        MaxOutputTokens = maxTokens,
        RawRepresentationFactory = _ => WatchedChat.Options(members, maxTokens),
    };

    private static async Task<ClientResultException> FailureAsync(WatchedChat chat, ChatOptions? options = null)
    {
        using var client = chat.Client.AsIChatClient();
        return await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(_messages, options ?? Options(), Token));
    }

    private sealed record Review(int Stars, bool Good);
}
