using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Serving.Inference;
using Serving.Models;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

/// <summary>What goes wrong on the server's side: scorers, overload, time limits, clients that leave.</summary>
public sealed class FailureTests
{
    private const string Chat = "/v1/chat/completions";
    private const int LongContext = 4096;

    private static readonly DecoderConfig _long = TinyPolicy.Config with { MaxPositions = LongContext };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_scorer_that_fails_fails_the_request_and_leaves_no_episode()
    {
        var calls = 0;
        await using var app = await WithScorer((_, _, _) => Interlocked.Increment(ref calls) % 3 == 0 ? throw new TimeoutException("no answer") : Task.FromResult(1f));

        var reply = await app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":8} """, Token);

        Assert.Equal(HttpStatusCode.InternalServerError, reply.Status);
        Assert.Equal(("server_error", "scorer_failed"), ((string?)reply.Json["error"]!["type"], (string?)reply.Json["error"]!["code"]));
        Assert.Contains("style", (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
        Assert.Empty(app.Episodes());
        Assert.Single(app.Log.Errors);

        Assert.Equal(HttpStatusCode.OK, (await app.ChatAsync("distilled", "x", "", Token)).Status);
    }

    [Fact]
    public async Task With_a_scorecard_to_fall_back_on_that_one_ranks_the_same_candidates_and_says_so()
    {
        var fails = true;
        var scripted = new ScriptedScorer("entailment", (_, _, _) => fails ? throw new TimeoutException("no answer") : Task.FromResult(1f));
        var rule = new ScriptedScorer("style", (_, answer, _) => Task.FromResult((float)answer.Length));
        await using var app = await new ServingApp(services: services => services.Replace(ServiceDescriptor.Singleton(new Scorecards(
            new Scorecard("careful", [new ScorecardEntry("entailment", 1)]), [scripted, rule], new Scorecard("plain", [new ScorecardEntry("style", 1)]))))).ReadyAsync(Token);
        const string fields = """ "seed":3,"best_of_n":{"n":8,"return":"all"} """;

        var fallen = (await app.ChatAsync("best-of-n", "x", fields, Token)).Json["best_of_n"]!;
        var named = await app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":8,"scorecard":"careful"} """, Token);
        fails = false;
        var usual = (await app.ChatAsync("best-of-n", "x", fields, Token)).Json["best_of_n"]!;

        Assert.Equal(("plain", true), ((string?)fallen["scorecard"], (bool)fallen["fallback"]!));
        var lengths = fallen["candidates"]!.AsArray().Select(candidate => ((string)candidate!["text"]!).Length).ToArray();
        Assert.Equal(Array.IndexOf(lengths, lengths.Max()), (int)fallen["chosen"]!);
        Assert.Equal(usual["candidates"]!.ToJsonString(), fallen["candidates"]!.ToJsonString());
        Assert.Equal("scorer_failed", (string?)named.Json["error"]!["code"]);
        Assert.Equal(("careful", null), ((string?)usual["scorecard"], usual["fallback"]));
        Assert.Equal(["plain", "careful"], app.Episodes().Select(episode => episode.Scorecard));
    }

    [Fact]
    public async Task Of_several_failures_the_first_is_told()
    {
        var sampled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = 0;
        await using var app = await WithScorer(async (_, _, token) =>
        {
            if (Interlocked.Increment(ref calls) == 4)
            {
                await sampled.Task;
                throw new TimeoutException("the first");
            }

            await Task.Delay(Timeout.Infinite, token).ContinueWith(_ => { }, TaskScheduler.Default);
            throw new ArithmeticException("an aftermath");
        });
        using var lease = app.Services.GetRequiredService<PolicyRegistry>().Acquire("anchor")!;

        var call = app.ChatAsync("best-of-n", "x", """ "max_tokens":30,"ignore_eos":true,"best_of_n":{"n":4} """, Token);
        await Until(() => Volatile.Read(ref calls) == 4 && lease.Value.Engine.Statistics is { ActiveRows: 0, WaitingCandidates: 0 });
        sampled.SetResult();
        var reply = await call;

        Assert.Equal("scorer_failed", (string?)reply.Json["error"]!["code"]);
        Assert.Contains("the first", (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_score_that_is_no_number_fails_the_request()
    {
        await using var app = await WithScorer((_, _, _) => Task.FromResult(float.NaN));

        var reply = await app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":2} """, Token);

        Assert.Equal((HttpStatusCode.InternalServerError, "scorer_failed"), (reply.Status, (string?)reply.Json["error"]!["code"]));
        Assert.Empty(app.Episodes());
    }

    [Fact]
    public async Task A_silent_stream_is_pinged_until_the_choice_is_made()
    {
        var gate = new TaskCompletionSource<float>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await WithScorer((_, _, _) => gate.Task, new() { ["Generation:PingInterval"] = "00:00:00.010" });

        using var response = await app.StreamAsync(Chat, ServingApp.ChatBody("best-of-n", "x", """ "stream":true,"best_of_n":{"n":2} """), Token);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(": ping", await reader.ReadLineAsync(Token));
            Assert.Equal("", await reader.ReadLineAsync(Token));
        }

        gate.SetResult(1);
        var rest = await reader.ReadToEndAsync(Token);

        Assert.Equal("no-cache", response.Headers.CacheControl!.ToString());
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Contains("\"best_of_n\":{", rest, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_in_mid_stream_is_an_error_frame_and_then_a_broken_connection()
    {
        var gate = new TaskCompletionSource<float>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await WithScorer((_, _, _) => gate.Task, new() { ["Generation:PingInterval"] = "00:00:00.010" });

        using var response = await app.StreamAsync(Chat, ServingApp.ChatBody("best-of-n", "x", """ "stream":true,"best_of_n":{"n":2} """), Token);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        Assert.Equal(": ping", await reader.ReadLineAsync(Token));
        gate.SetException(new TimeoutException("no answer"));
        var (frame, broke) = await ReadFrames(reader);

        Assert.IsType<HttpIOException>(broke);
        Assert.Equal("scorer_failed", (string?)JsonNode.Parse(frame["data: ".Length..])!["error"]!["code"]);
        Assert.Empty(app.Episodes());
    }

    [Fact]
    public async Task A_token_stream_over_its_time_is_an_error_frame_and_then_a_broken_connection()
    {
        var time = new ManualTime();
        await using var app = await new ServingApp(publish: PublishLong, services: s => s.Replace(ServiceDescriptor.Singleton<TimeProvider>(time))).ReadyAsync(Token);

        using var response = await app.StreamAsync(Chat, ServingApp.ChatBody("distilled", "x", """ "stream":true,"n":16,"max_tokens":4000,"ignore_eos":true """), Token);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
        Assert.StartsWith("data: ", await reader.ReadLineAsync(Token), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromMinutes(3));
        var (frame, broke) = await ReadFrames(reader);

        Assert.IsType<HttpIOException>(broke);
        Assert.Equal("deadline_exceeded", (string?)JsonNode.Parse(frame["data: ".Length..])!["error"]!["code"]);
    }

    [Fact]
    public async Task A_request_over_its_time_is_a_504()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var time = new ManualTime();
        await using var app = await WithScorer(
            async (_, _, token) =>
            {
                started.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
                return 0;
            },
            time: time);

        var call = app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":2} """, Token);
        await started.Task.WaitAsync(Token);
        time.Advance(TimeSpan.FromMinutes(3));
        var reply = await call;

        Assert.Equal((HttpStatusCode.GatewayTimeout, "deadline_exceeded"), (reply.Status, (string?)reply.Json["error"]!["code"]));
    }

    [Fact]
    public async Task A_full_queue_is_a_429_that_says_when_to_come_back_and_a_client_that_leaves_frees_its_rows()
    {
        await using var app = await new ServingApp(new Dictionary<string, string> { ["Inference:Slots"] = "1", ["Inference:QueueLimit"] = "8" }, PublishLong).ReadyAsync(Token);
        using var lease = app.Services.GetRequiredService<PolicyRegistry>().Acquire("anchor")!;
        var engine = lease.Value.Engine;

        // 64 answers of 4,000 tokens on one row: hundreds of thousands of steps, so it is still running when it is given up.
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var first = app.ChatAsync("best-of-n", "x", """ "max_tokens":4000,"ignore_eos":true,"best_of_n":{"n":64} """, leaving.Token);
        await Until(() => engine.Statistics.WaitingCandidates > 8);

        foreach (var fields in (string[])["\"best_of_n\":{\"n\":2}", "\"stream\":true"])
        {
            var reply = await app.ChatAsync("anchor", "y", fields, Token);
            Assert.Equal((HttpStatusCode.TooManyRequests, "overloaded"), (reply.Status, (string?)reply.Json["error"]!["code"]));
            Assert.Equal(("1", "1000", "true"), (reply.Header("Retry-After"), reply.Header("retry-after-ms"), reply.Header("x-should-retry")));
        }

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Until(() => engine.Statistics is { ActiveRows: 0, WaitingCandidates: 0 });

        Assert.True(engine.Statistics.GeneratedTokens < 64 * 3_000, "the rows were to be freed before the answers were complete");
        Assert.Equal(HttpStatusCode.OK, (await app.ChatAsync("best-of-n", "y", """ "max_tokens":4,"best_of_n":{"n":2} """, Token)).Status);
        Assert.Single(app.Episodes());
        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    [Fact]
    public async Task A_client_that_leaves_a_token_stream_frees_its_row()
    {
        await using var app = await new ServingApp(publish: PublishLong).ReadyAsync(Token);
        using var lease = app.Services.GetRequiredService<PolicyRegistry>().Acquire("student")!;
        var engine = lease.Value.Engine;

        using (var response = await app.StreamAsync(Chat, ServingApp.ChatBody("distilled", "x", """ "stream":true,"n":16,"max_tokens":4000,"ignore_eos":true """), Token))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
            Assert.StartsWith("data: ", await reader.ReadLineAsync(Token), StringComparison.Ordinal);
        }

        await Until(() => engine.Statistics is { ActiveRows: 0, WaitingCandidates: 0 });

        Assert.True(engine.Statistics.GeneratedTokens < 16 * 3_000, "the rows were to be freed before the answers were complete");
        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    [Fact]
    public async Task A_client_that_leaves_while_its_answers_are_scored_leaves_no_episode_and_no_error()
    {
        var scoring = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gaveUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await WithScorer(async (_, _, token) =>
        {
            scoring.TrySetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, token);
                return 0;
            }
            finally
            {
                gaveUp.TrySetResult();
            }
        });

        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var call = app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":2} """, leaving.Token);
        await scoring.Task.WaitAsync(Token);
        await leaving.CancelAsync();
        await gaveUp.Task.WaitAsync(Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);

        Assert.Equal(HttpStatusCode.OK, (await app.ChatAsync("distilled", "x", "", Token)).Status);
        Assert.Empty(app.Episodes());
        Assert.Equal("", string.Join("\n", app.Log.Errors));
    }

    [Fact]
    public async Task A_server_that_stops_finishes_what_it_has_begun()
    {
        var scoring = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource<float>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = await WithScorer((_, _, _) =>
        {
            scoring.TrySetResult();
            return gate.Task;
        });
        var lifetime = app.Services.GetRequiredService<IHostApplicationLifetime>();

        var call = app.ChatAsync("best-of-n", "x", """ "best_of_n":{"n":2} """, Token);
        await scoring.Task.WaitAsync(Token);
        lifetime.StopApplication();
        gate.SetResult(1);
        var reply = await call;

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal((string?)reply.Json["id"], Assert.Single(app.Episodes()).Id);
    }

    [Fact]
    public async Task A_server_that_is_not_ready_is_a_503_that_says_when_to_come_back()
    {
        await using var app = new ServingApp(publish: store =>
        {
            TinyPolicy.Publish(store, "anchor");
            var student = TinyPolicy.Publish(store, "student");
            File.AppendAllText(student.File(ModelFiles.Config), " ");      // no longer what the manifest says
        });
        await Until(() => app.Services.GetRequiredService<PolicyRegistry>() is { LoadError: not null } policies && policies.Acquire("anchor") is { } lease && Dispose(lease));

        var policyMissing = await app.ChatAsync("distilled", "x", "", Token);
        var scorersMissing = await app.ChatAsync("best-of-n", "x", "", Token);

        Assert.All((Reply[])[policyMissing, scorersMissing], reply =>
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "not_ready"), (reply.Status, (string?)reply.Json["error"]!["code"]));
            Assert.Equal(("1", "1000", "true"), (reply.Header("Retry-After"), reply.Header("retry-after-ms"), reply.Header("x-should-retry")));
        });
        using var ready = await app.Client.GetAsync(new Uri("/readyz", UriKind.Relative), Token);
        var reasons = JsonNode.Parse(await ready.Content.ReadAsStringAsync(Token))!["reasons"]!;
        Assert.Contains("student", (string?)reasons["policies"], StringComparison.Ordinal);
        Assert.NotNull(reasons["scorers"]);

        static bool Dispose(IDisposable lease)
        {
            lease.Dispose();
            return true;
        }
    }

    private static void PublishLong(ModelStore store)
    {
        TinyPolicy.Publish(store, "anchor", _long, seed: 1);
        TinyPolicy.Publish(store, "student", _long, seed: 2);
        TinyScorer.PublishBoth(store);
    }

    private static Task<ServingApp> WithScorer(
        Func<string, string, CancellationToken, Task<float>> score, Dictionary<string, string>? settings = null, TimeProvider? time = null) =>
        new ServingApp(settings, services: services =>
        {
            services.Replace(ServiceDescriptor.Singleton(ScriptedScorer.Alone(score)));
            services.Replace(ServiceDescriptor.Singleton(time ?? TimeProvider.System));
        }).ReadyAsync(Token);

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Token);
        }
    }

    // The last frame, and what the connection ended with.
    private static async Task<(string LastFrame, Exception? End)> ReadFrames(StreamReader reader)
    {
        var last = "";
        try
        {
            while (await reader.ReadLineAsync(Token) is { } line)
            {
                last = line.Length > 0 ? line : last;
            }

            return (last, null);
        }
        catch (IOException exception)
        {
            return (last, exception);
        }
    }
}
