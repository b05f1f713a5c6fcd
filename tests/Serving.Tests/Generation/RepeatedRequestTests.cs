using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Episodes;
using Serving.Requests;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

/// <summary>A request that is sent again does not become a second episode: with a key, or with the count of retries that OpenAI's clients send.</summary>
public sealed class RepeatedRequestTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Key = RequestIdentity.KeyHeader;
    private const string Retry = RequestIdentity.RetryHeader;

    private static readonly string _group = ServingApp.ChatBody("best-of-n", "x", """ "max_tokens":8,"best_of_n":{"n":2} """);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_key_and_body_get_the_same_answer_and_one_episode()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        var first = await PostAsync(app, Chat, _group, (Key, "a"));
        var again = await PostAsync(app, Chat, _group, (Key, "a"));
        var counted = await PostAsync(app, Chat, _group, (Key, "a"), (Retry, "0"));
        var otherKey = await PostAsync(app, Chat, _group, (Key, "b"));

        Assert.Equal((HttpStatusCode.OK, null), (first.Status, first.Header(RememberedAnswer.ReplayHeader)));
        Assert.All((Reply[])[again, counted], reply => Assert.Equal((first.Body, "true"), (reply.Body, reply.Header(RememberedAnswer.ReplayHeader))));
        Assert.NotEqual(Id(first), Id(otherKey));
        Assert.Equal([Id(first), Id(otherKey)], app.Episodes().Select(e => e.Id));
    }

    [Fact]
    public async Task A_stream_is_repeated_frame_by_frame()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        var body = ServingApp.ChatBody("best-of-n", "x", """ "stream":true,"max_tokens":8,"stream_options":{"include_usage":true},"best_of_n":{"n":2} """);

        var first = await PostAsync(app, Chat, body, (Key, "a"));
        var again = await PostAsync(app, Chat, body, (Key, "a"));

        Assert.EndsWith("data: [DONE]\n\n", first.Body, StringComparison.Ordinal);
        Assert.Equal((first.Body, "text/event-stream", "true"), (again.Body, again.ContentHeaders.ContentType!.MediaType, again.Header(RememberedAnswer.ReplayHeader)));
        Assert.Single(app.Episodes());
    }

    [Fact]
    public async Task A_key_with_another_body_or_route_is_a_422_that_says_so()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        await PostAsync(app, Chat, _group, (Key, "a"));

        var otherBody = await PostAsync(app, Chat, _group.Replace("\"x\"", "\"y\"", StringComparison.Ordinal), (Key, "a"));
        var otherRoute = await PostAsync(app, "/v1/completions", _group, (Key, "a"));

        Assert.All((Reply[])[otherBody, otherRoute], reply =>
        {
            Assert.Equal((HttpStatusCode.UnprocessableEntity, "idempotency_key_reused"), (reply.Status, (string?)reply.Json["error"]!["code"]));
            Assert.Equal(Key, (string?)reply.Json["error"]!["param"]);
        });
        Assert.Single(app.Episodes());
    }

    [Fact]
    public async Task Nobody_gets_the_answer_of_another_caller()
    {
        await using var app = await new ServingApp(new Dictionary<string, string> { ["Requests:ApiKeys:0"] = "one", ["Requests:ApiKeys:1"] = "two" }).ReadyAsync(Token);

        var one = await PostAsync(app, Chat, _group, (Key, "a"), ("Authorization", "Bearer one"));
        var two = await PostAsync(app, Chat, _group, (Key, "a"), ("Authorization", "Bearer two"));
        var stranger = await PostAsync(app, Chat, _group, (Key, "a"), ("Authorization", "Bearer three"));

        Assert.NotEqual(Id(one), Id(two));
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.Status);
    }

    [Fact]
    public async Task A_key_that_is_none_is_a_400()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        Assert.All(
            (Reply[])[await PostAsync(app, Chat, _group, (Key, "")), await PostAsync(app, Chat, _group, (Key, new string('k', 256)))],
            reply => Assert.Equal((HttpStatusCode.BadRequest, "invalid_idempotency_key"), (reply.Status, (string?)reply.Json["error"]!["code"])));
        Assert.Empty(app.Episodes());
    }

    [Fact]
    public async Task A_body_that_was_refused_may_be_put_right_under_its_key()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        var refused = await PostAsync(app, Chat, ServingApp.ChatBody("best-of-n", "x", """ "temperature":9 """), (Key, "a"));
        var righted = await PostAsync(app, Chat, _group, (Key, "a"));

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (refused.Status, righted.Status));
    }

    [Theory]
    [InlineData(Key, "a", "a")]
    [InlineData(Retry, "0", "1")]
    public async Task While_the_first_is_worked_on_a_repeat_waits_for_its_answer(string header, string first, string second)
    {
        var scoring = Promise();
        var gate = new TaskCompletionSource<float>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await WithScorer((_, _, _) =>
        {
            scoring.TrySetResult();
            return gate.Task;
        });

        var one = PostAsync(app, Chat, _group, (header, first));
        await scoring.Task.WaitAsync(Token);
        var two = PostAsync(app, Chat, _group, (header, second));
        gate.SetResult(1);

        Assert.Equal((await one).Body, (await two).Body);
        Assert.Equal(Id(await one), Assert.Single(app.Episodes()).Id);
    }

    [Theory]
    [InlineData(Key, "a", "a")]
    [InlineData(Retry, "0", "1")]
    public async Task After_a_failure_a_repeat_is_worked_on(string header, string first, string second)
    {
        var fails = true;
        await using var app = await WithScorer((_, _, _) => fails ? throw new TimeoutException("no answer") : Task.FromResult(1f));

        var failed = await PostAsync(app, Chat, _group, (header, first));
        fails = false;
        var repeat = await PostAsync(app, Chat, _group, (header, second));

        Assert.Equal((HttpStatusCode.InternalServerError, HttpStatusCode.OK), (failed.Status, repeat.Status));
        Assert.Equal(Id(repeat), Assert.Single(app.Episodes()).Id);
    }

    [Fact]
    public async Task A_failure_among_equal_requests_is_owed_an_answer_of_its_own()
    {
        var fails = false;
        await using var app = await WithScorer((_, _, _) => fails ? throw new TimeoutException("no answer") : Task.FromResult(1f));

        var answered = await PostAsync(app, Chat, _group, (Retry, "0"));
        fails = true;
        var failed = await PostAsync(app, Chat, _group, (Retry, "0"));
        fails = false;
        var repeat = await PostAsync(app, Chat, _group, (Retry, "1"));
        var repeatOfAnswered = await PostAsync(app, Chat, _group, (Retry, "1"));

        Assert.Equal(HttpStatusCode.InternalServerError, failed.Status);
        Assert.NotEqual(Id(answered), Id(repeat));
        Assert.Equal("true", repeatOfAnswered.Header(RememberedAnswer.ReplayHeader));
        Assert.Equal([Id(answered), Id(repeat)], app.Episodes().Select(e => e.Id));
    }

    [Fact]
    public async Task Equal_requests_that_are_no_retries_are_two_requests()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        var first = await PostAsync(app, Chat, _group, (Retry, "0"));
        var second = await PostAsync(app, Chat, _group, (Retry, "0"));
        var plain = await PostAsync(app, Chat, _group);
        var odd = await PostAsync(app, Chat, _group, (Retry, "often"));

        Assert.Equal(4, ((string[])[Id(first), Id(second), Id(plain), Id(odd)]).Distinct().Count());
        Assert.Equal(4, app.Episodes().Count);
    }

    [Fact]
    public async Task A_retry_over_a_bare_socket_after_an_answer_that_was_not_read_is_no_second_episode()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        // The first attempt's connection breaks once the episode is there, before a byte of the answer is read.
        using (var lost = await SendAsync(app, _group, retries: 0))
        {
            while (app.Episodes().Count == 0)
            {
                await Task.Delay(5, Token);
            }

            lost.LingerState = new LingerOption(enable: true, seconds: 0);     // closing it is a reset
        }

        using var again = await SendAsync(app, _group, retries: 1);
        using var reader = new StreamReader(again.GetStream());
        var answer = await reader.ReadToEndAsync(Token);

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains($"{RememberedAnswer.ReplayHeader}: true", answer, StringComparison.Ordinal);
        Assert.Contains(Assert.Single(app.Episodes()).Id, answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_that_leaves_while_the_episode_is_written_finds_the_answer_when_it_comes_again(bool stream)
    {
        var writing = Promise();
        using var gate = new ManualResetEventSlim();
        var disk = DiskCalls.Real with
        {
            Flush = file =>
            {
                writing.TrySetResult();
                gate.Wait(Token);
                DiskCalls.Real.Flush(file);
            },
        };
        using var folder = new TemporaryFolder();
        await using var app = await new ServingApp(services: services => services.Replace(ServiceDescriptor.Singleton(
            new EpisodeLog(new EpisodeOptions { Root = folder.File("gated") }, NullLogger.Instance, disk)))).ReadyAsync(Token);
        var body = stream ? _group.Insert(1, "\"stream\":true,") : _group;

        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var lost = PostAsync(app, Chat, body, leaving.Token, (Key, "a"));
        await writing.Task.WaitAsync(Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lost);
        var again = PostAsync(app, Chat, body, (Key, "a"));
        gate.Set();
        var reply = await again;

        Assert.Equal((HttpStatusCode.OK, "true"), (reply.Status, reply.Header(RememberedAnswer.ReplayHeader)));
        Assert.Contains(Assert.Single(new EpisodeReader(folder.File("gated")).ReadAll()).Id, reply.Body, StringComparison.Ordinal);
        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    [Fact]
    public async Task A_caller_that_leaves_before_the_choice_is_made_is_worked_for_when_it_comes_again()
    {
        var scoring = Promise();
        var calls = 0;
        await using var app = await WithScorer(async (_, _, token) =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                scoring.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
            }

            return 1;
        });

        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var lost = PostAsync(app, Chat, _group, leaving.Token, (Key, "a"));
        await scoring.Task.WaitAsync(Token);
        var waiting = PostAsync(app, Chat, _group, (Key, "a"));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lost);
        var reply = await waiting;

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(Id(reply), Assert.Single(app.Episodes()).Id);
        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    [Theory]
    [InlineData("Requests:RememberAnswersFor", "00:00:00")]
    [InlineData("Requests:RememberedBytes", "0")]
    public async Task What_is_forgotten_is_worked_on_again(string setting, string value)
    {
        await using var app = await new ServingApp(new Dictionary<string, string> { [setting] = value }).ReadyAsync(Token);

        var first = await PostAsync(app, Chat, ServingApp.ChatBody("distilled", "x", ""), (Key, "a"));
        var again = await PostAsync(app, Chat, ServingApp.ChatBody("distilled", "x", ""), (Key, "a"));

        Assert.NotEqual(Id(first), Id(again));
    }

    [Theory]
    [InlineData(Key, "a", "a")]
    [InlineData(Retry, "0", "1")]
    public async Task After_a_restart_a_repeat_is_answered_and_not_logged_again(string header, string first, string second)
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, string> { ["Episodes:Root"] = folder.File("episodes") };
        string id;
        await using (var app = await new ServingApp(settings).ReadyAsync(Token))
        {
            id = Id(await PostAsync(app, Chat, _group, (header, first)));
        }

        await using var restarted = await new ServingApp(settings).ReadyAsync(Token);
        var again = await PostAsync(restarted, Chat, _group, (header, second));
        var andAgain = await PostAsync(restarted, Chat, _group, (header, second));
        var fresh = await PostAsync(restarted, Chat, _group, (header, header == Key ? "b" : "0"));

        Assert.Equal((HttpStatusCode.OK, null), (again.Status, again.Header(RememberedAnswer.ReplayHeader)));
        Assert.Equal((again.Body, "true"), (andAgain.Body, andAgain.Header(RememberedAnswer.ReplayHeader)));
        Assert.Equal([id, Id(fresh)], new EpisodeReader(folder.File("episodes")).ReadAll().Select(e => e.Id));
    }

    private static string Id(Reply reply) => (string)reply.Json["id"]!;

    private static TaskCompletionSource Promise() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static Task<Reply> PostAsync(ServingApp app, string path, string body, params (string Name, string Value)[] headers) =>
        PostAsync(app, path, body, Token, headers);

    private static async Task<Reply> PostAsync(ServingApp app, string path, string body, CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await app.Client.SendAsync(request, cancellationToken);
        return await Reply.ReadAsync(response, cancellationToken);
    }

    /// <summary>A request on a connection of its own, whose answer is not read yet.</summary>
    private static async Task<TcpClient> SendAsync(ServingApp app, string body, int retries)
    {
        var address = app.Client.BaseAddress!;
        var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, Token);
        var request = $"POST {Chat} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{Retry}: {retries}\r\n"
            + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request), Token);
        return client;
    }

    private static Task<ServingApp> WithScorer(Func<string, string, CancellationToken, Task<float>> score) =>
        new ServingApp(services: services => services.Replace(ServiceDescriptor.Singleton(ScriptedScorer.Alone(score)))).ReadyAsync(Token);
}
