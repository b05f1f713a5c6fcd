using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Serving.Episodes;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Observability;

/// <summary>What a collector gets of requests.</summary>
public sealed class TracesTests
{
    private const string Secret = "perl module to parse zebras";
    private const string CallerSpan = "00f067aa0ba902b7";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_group_continues_its_callers_trace_with_a_span_for_each_candidate_scorer_choice_and_record()
    {
        const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        string id;
        string[] answers;
        await using (var app = await AppAsync(receiver))
        {
            var reply = await AskAsync(app, Trace, "\"max_tokens\": 12, \"seed\": 5, \"top_k\": 40, \"best_of_n\": {\"n\": 4, \"return\": \"all\"}", "best-of-n");
            id = (string)reply.Json["id"]!;
            answers = [.. reply.Json["best_of_n"]!["candidates"]!.AsArray().Select(c => (string)c!["text"]!)];
            await SentAsync(app, receiver, Trace);
        }

        var spans = receiver.Spans(Trace);
        var request = Assert.Single(spans, span => span.Kind == 2);
        Assert.Equal(("chat best-of-n", CallerSpan, 0), (request.Name, request.Parent, request.Status));
        AssertAttributes(request, new()
        {
            ["gen_ai.operation.name"] = "chat",
            ["gen_ai.provider.name"] = "serving",
            ["gen_ai.request.model"] = "best-of-n",
            ["gen_ai.response.model"] = "anchor@1",
            ["gen_ai.response.id"] = id,
            ["gen_ai.request.choice.count"] = "1",
            ["gen_ai.request.seed"] = "5",
            ["gen_ai.request.top_k"] = "40",
            ["gen_ai.request.max_tokens"] = "12",
            ["serving.request.candidates"] = "4",
        });
        Assert.True(int.Parse(request.Attributes["gen_ai.usage.input_tokens"], CultureInfo.InvariantCulture) > 0);
        Assert.InRange(int.Parse(request.Attributes["gen_ai.usage.output_tokens"], CultureInfo.InvariantCulture), 1, 12);
        Assert.Contains(request.Attributes["gen_ai.response.finish_reasons"], (string[])["stop", "length"]);

        Assert.Equal(["0", "1", "2", "3"], Below(request, "sample").Select(span => span.Attributes["serving.candidate.index"]).Order());
        Assert.All(Below(request, "sample"), span =>
        {
            Assert.True(request.Start <= span.Start && span.Start <= span.End && span.End <= request.End, "sampling is part of the request");
            Assert.InRange(int.Parse(span.Attributes["gen_ai.usage.output_tokens"], CultureInfo.InvariantCulture), 1, 12);
        });

        // Equal texts are scored once.
        var distinct = answers.Distinct().Count();
        var scored = Below(request, "sample").SelectMany(sample => spans.Where(span => span.Parent == sample.Id)).ToArray();
        Assert.Equal(distinct, scored.Count(span => span.Name == "score reward"));
        Assert.Equal(distinct, scored.Count(span => span.Name == "score entailment"));
        Assert.Equal(0, scored.Count(span => span.Name == "score style"));          // no model
        Assert.Single(Below(request, "select"));
        Assert.Single(Below(request, "log"));
        Assert.Equal(1 + 4 + (2 * distinct) + 2, spans.Count);

        Assert.True(receiver.MetricExports > 0);
        AssertSecret(receiver, [Secret, .. answers.Where(answer => answer.Length > 8)]);

        IEnumerable<OtlpSpan> Below(OtlpSpan parent, string name) => spans.Where(span => span.Parent == parent.Id && span.Name == name && span.Kind == 1);
    }

    [Theory]
    [InlineData(true, "5bf92f3577b34da6a3ce929d0e0e4736")]
    [InlineData(false, "6bf92f3577b34da6a3ce929d0e0e4736")]
    public async Task Plain_answers_have_a_span_each_streamed_or_not(bool streams, string trace)
    {
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            await AskAsync(app, trace, "\"n\": 2, \"max_tokens\": 6, \"ignore_eos\": true" + (streams ? ", \"stream\": true" : ""), "distilled");
            await SentAsync(app, receiver, trace);
        }

        var spans = receiver.Spans(trace);
        var request = Assert.Single(spans, span => span.Name == "chat distilled");
        AssertAttributes(request, new()
        {
            ["gen_ai.request.choice.count"] = "2",
            ["gen_ai.usage.output_tokens"] = "12",
            ["gen_ai.response.finish_reasons"] = "length,length",
        });
        var samples = spans.Where(span => span.Name == "sample").ToArray();
        Assert.Equal(["0", "1"], samples.Select(span => span.Attributes["serving.candidate.index"]).Order());
        Assert.All(samples, span => Assert.Equal(request.Id, span.Parent));
        Assert.Equal(3, spans.Count);
    }

    [Fact]
    public async Task A_refused_request_is_a_span_with_its_error_and_without_what_the_client_sent()
    {
        const string Trace = "7bf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            await AskAsync(app, Trace, "", "no-such-zebra", HttpStatusCode.NotFound);
            await SentAsync(app, receiver, Trace);
        }

        var span = Assert.Single(receiver.Spans(Trace));
        Assert.Equal(("chat", 2, "model_not_found"), (span.Name, span.Status, span.Attributes["error.type"]));
        AssertSecret(receiver, [Secret, "zebra"]);
    }

    [Fact]
    public async Task A_caller_who_does_not_trace_gets_no_span()
    {
        const string Trace = "8bf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            await AskAsync(app, Trace, "\"max_tokens\": 2", "distilled", flags: "00");
        }

        Assert.Empty(receiver.Spans(Trace));
    }

    [Fact]
    public async Task A_request_for_scores_is_a_span_with_one_below_it_for_each_score()
    {
        const string Trace = "9bf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            await PostAsync(app, Trace, "/v1/score", $$"""{"model":"reward","text_1":"{{Secret}}","text_2":["a","b"]}""", HttpStatusCode.OK);
            await SentAsync(app, receiver, Trace);
        }

        var spans = receiver.Spans(Trace);
        var request = Assert.Single(spans, span => span.Kind == 2);
        Assert.Equal(("POST /v1/score", CallerSpan, 0), (request.Name, request.Parent, request.Status));
        AssertAttributes(request, new() { ["http.request.method"] = "POST", ["http.route"] = "/v1/score", ["error.type"] = "(absent)" });
        Assert.Equal(["score reward", "score reward"], spans.Where(span => span.Parent == request.Id).Select(span => span.Name));
        AssertSecret(receiver, [Secret], expected: "http.route");
    }

    [Fact]
    public async Task A_request_for_many_scores_is_one_span()
    {
        const string Trace = "abf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            var answers = string.Join(',', Enumerable.Range(0, 65).Select(i => $"\"answer {i}\""));
            await PostAsync(app, Trace, "/v1/score", $$"""{"model":"style","text_1":"x","text_2":[{{answers}}]}""", HttpStatusCode.OK);
            await SentAsync(app, receiver, Trace);
        }

        Assert.Equal(2, Assert.Single(receiver.Spans(Trace)).Kind);
    }

    [Fact]
    public async Task A_refused_request_for_scores_is_a_span_with_its_error()
    {
        const string Trace = "bbf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver))
        {
            await PostAsync(app, Trace, "/v1/rerank", """{"query":"x"}""", HttpStatusCode.BadRequest);
            await SentAsync(app, receiver, Trace);
        }

        var span = Assert.Single(receiver.Spans(Trace));
        Assert.Equal(("POST /v1/rerank", 2, "missing_required_parameter"), (span.Name, span.Status, span.Attributes["error.type"]));
    }

    [Fact]
    public async Task A_scorer_that_fails_is_seen_on_its_own_span_and_on_the_request()
    {
        const string Trace = "cbf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver, services => services.Replace(ServiceDescriptor.Singleton(
            ScriptedScorer.Alone((_, _, _) => throw new TimeoutException("no answer"))))))
        {
            await AskAsync(app, Trace, "\"max_tokens\": 4, \"best_of_n\": {\"n\": 1}", "best-of-n", HttpStatusCode.InternalServerError);
            await SentAsync(app, receiver, Trace);
        }

        Assert.All(receiver.Spans(Trace).Where(span => span.Kind == 2 || span.Name == "score style"), span =>
            Assert.Equal((2, "scorer_failed"), (span.Status, span.Attributes["error.type"])));
        Assert.Equal(1, receiver.Spans(Trace).Count(span => span.Name == "score style"));
    }

    [Fact]
    public async Task A_record_that_cannot_be_written_is_seen_on_its_own_span()
    {
        const string Trace = "dbf92f3577b34da6a3ce929d0e0e4736";
        using var folder = new TemporaryFolder();
        var full = DiskCalls.Real with { Write = (_, _, _) => throw new IOException("No space left on device") };
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        await using (var app = await AppAsync(receiver, services => services.Replace(ServiceDescriptor.Singleton(
            new EpisodeLog(new EpisodeOptions { Root = folder.File("full") }, NullLogger.Instance, full)))))
        {
            await AskAsync(app, Trace, "\"max_tokens\": 4, \"best_of_n\": {\"n\": 1}", "best-of-n", HttpStatusCode.InternalServerError);
            await SentAsync(app, receiver, Trace);
        }

        var log = Assert.Single(receiver.Spans(Trace), span => span.Name == "log");
        Assert.Equal((2, "episode_log_failed"), (log.Status, log.Attributes["error.type"]));
    }

    private static Task<ServingApp> AppAsync(OtlpReceiver receiver, Action<IServiceCollection>? services = null) => new ServingApp(
        new Dictionary<string, string> { ["Observability:OtlpEndpoint"] = receiver.Address.ToString() }, services: services).ReadyAsync(Token);

    // A request's span ends when its last byte has left, so a client may be quicker; and a server that ends waits a few seconds only for what it sends.
    private static async Task SentAsync(ServingApp app, OtlpReceiver receiver, string trace)
    {
        do
        {
            await Task.Delay(20, Token);
            app.Services.GetRequiredService<TracerProvider>().ForceFlush();
        }
        while (receiver.Spans(trace).All(span => span.Kind != 2));

        app.Services.GetRequiredService<MeterProvider>().ForceFlush();
    }

    private static Task<Reply> AskAsync(
        ServingApp app, string trace, string fields, string model, HttpStatusCode expected = HttpStatusCode.OK, string flags = "01") =>
        PostAsync(app, trace, "/v1/chat/completions", ServingApp.ChatBody(model, Secret, fields), expected, flags);

    private static async Task<Reply> PostAsync(ServingApp app, string trace, string path, string body, HttpStatusCode expected, string flags = "01")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("traceparent", $"00-{trace}-{CallerSpan}-{flags}");
        using var response = await app.Client.SendAsync(request, Token);
        Assert.Equal(expected, response.StatusCode);
        return await Reply.ReadAsync(response, Token);
    }

    private static void AssertAttributes(OtlpSpan span, Dictionary<string, string> expected) =>
        Assert.Equal(expected, expected.Keys.ToDictionary(name => name, name => span.Attributes.GetValueOrDefault(name, "(absent)")));

    private static void AssertSecret(OtlpReceiver receiver, string[] texts, string expected = "gen_ai.operation.name")
    {
        var sent = string.Join('\n', receiver.Bodies.Select(Encoding.UTF8.GetString));
        Assert.Contains(expected, sent, StringComparison.Ordinal);
        Assert.All(texts, text => Assert.DoesNotContain(text, sent, StringComparison.OrdinalIgnoreCase));
    }
}
