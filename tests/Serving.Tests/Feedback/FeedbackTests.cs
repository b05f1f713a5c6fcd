using System.Net;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;
using Serving.Tests.EpisodeTools;
using Xunit;

namespace Serving.Tests.Feedback;

/// <summary>POST /v1/feedback: durable before the answer, about answers that are in the log.</summary>
public sealed class FeedbackTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Feedback_of_every_kind_is_on_disk_when_its_answer_comes()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        var id = await AnswerAsync(app);

        var number = await app.PostAsync("/v1/feedback", $$"""{"inference_id":"{{id}}","metric_name":"rating","value":0.1,"tags":{"b":"2","a":"1"},"workload_id":"w","client_id":"c"}""", Token);
        var flag = await app.PostAsync("/feedback", $$"""{"episode_id":"{{id}}","metric_name":"solved","value":true}""", Token);
        var comment = await app.PostAsync("/v1/feedback", $$"""{"inference_id":"{{id}}","metric_name":"comment","value":"Schön \"so\""}""", Token);
        var demonstration = await app.PostAsync("/v1/feedback", $$"""{"inference_id":"{{id}}","metric_name":"demonstration","value":"a better answer"}""", Token);

        var read = new FeedbackReader(app.EpisodesRoot).ReadAll().ToArray();
        Assert.All((Reply[])[number, flag, comment, demonstration], reply => Assert.Equal(HttpStatusCode.OK, reply.Status));
        Assert.Equal(
            ((Reply[])[number, flag, comment, demonstration]).Select(reply => (string?)reply.Json["feedback_id"]), read.Select(feedback => feedback.Id));
        Assert.All(read, feedback => Assert.Equal((id, 7), (feedback.EpisodeId, Guid.Parse(feedback.Id).Version)));
        Assert.Equal(["rating 0.1", "solved true", "comment \"Schön \\\"so\\\"\"", "demonstration \"a better answer\""], read.Select(f => $"{f.Metric} {f.Value}"));
        Assert.Equal(("1", "2", "w", "c"), (read[0].Tags["a"], read[0].Tags["b"], read[0].Workload, read[0].Client));
        Assert.Equal(("", "", 0), (read[1].Workload, read[1].Client, read[1].Tags.Count));
    }

    [Fact]
    public async Task Answers_of_an_earlier_run_take_feedback_too()
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, string> { ["Episodes:Root"] = folder.File("episodes"), ["Episodes:ShardBytes"] = "65536" };
        var ids = new List<string>();
        for (var run = 0; run < 3; run++)
        {
            await using var app = await new ServingApp(settings).ReadyAsync(Token);
            ids.Add(await AnswerAsync(app));
            ids.Add(await AnswerAsync(app));
        }

        await using var last = await new ServingApp(settings).ReadyAsync(Token);
        foreach (var id in ids)
        {
            Assert.Equal(HttpStatusCode.OK, (await last.PostAsync("/v1/feedback", Body(id), Token)).Status);
        }

        Assert.Equal(ids, new FeedbackReader(folder.File("episodes")).ReadAll().Select(feedback => feedback.EpisodeId));
    }

    [Fact]
    public async Task Feedback_on_an_answer_that_is_not_in_the_log_is_a_404_that_says_what_to_do()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        await AnswerAsync(app);
        var plain = (string)(await app.ChatAsync("distilled", "x", "", Token)).Json["id"]!;
        var unstored = (string)(await app.ChatAsync("best-of-n", "x", """ "store":false,"best_of_n":{"n":2} """, Token)).Json["id"]!;

        foreach (var id in (string[])[plain, unstored, "", "nonsense", "chatcmpl-0", "chatcmpl-ffffffffffffffffffffffffffffffff", "-", new string('x', 5000)])
        {
            var reply = await app.PostAsync("/v1/feedback", Body(id), Token);
            Assert.Equal((HttpStatusCode.NotFound, "inference_not_found", "inference_id"), (reply.Status, (string?)reply.Json["error"]!["code"], (string?)reply.Json["error"]!["param"]));
            Assert.Contains("Best-of-N", (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
        }

        Assert.Empty(new FeedbackReader(app.EpisodesRoot).ReadAll());
    }

    [Fact]
    public async Task A_dry_run_checks_everything_and_stores_nothing()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        var id = await AnswerAsync(app);

        var good = await app.PostAsync("/v1/feedback", Body(id).Insert(1, "\"dryrun\":true,"), Token);
        var bad = await app.PostAsync("/v1/feedback", Body("nobody").Insert(1, "\"dryrun\":true,"), Token);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotFound), (good.Status, bad.Status));
        Assert.Empty(new FeedbackReader(app.EpisodesRoot).ReadAll());
    }

    [Theory]
    [InlineData("""{"metric_name":"m","value":1}""", "inference_id", "missing_required_parameter")]
    [InlineData("""{"inference_id":"a","episode_id":"b","metric_name":"m","value":1}""", "episode_id", "invalid_value")]
    [InlineData("""{"inference_id":"a","value":1}""", "metric_name", "missing_required_parameter")]
    [InlineData("""{"inference_id":"a","metric_name":"","value":1}""", "metric_name", "invalid_value")]
    [InlineData("""{"inference_id":"a","metric_name":"m"}""", "value", "missing_required_parameter")]
    [InlineData("""{"inference_id":"a","metric_name":"m","value":[1]}""", "value", "invalid_type")]
    [InlineData("""{"inference_id":"a","metric_name":"m","value":1e999}""", "value", "invalid_value")]
    [InlineData("""{"inference_id":"a","metric_name":"comment","value":1}""", "value", "invalid_type")]
    [InlineData("""{"inference_id":"a","metric_name":"demonstration","value":""}""", "value", "invalid_value")]
    [InlineData("""{"inference_id":"a","metric_name":"m","value":"\ud800"}""", "value", "invalid_value")]
    [InlineData("""{"inference_id":"a","metric_name":"m","value":1,"tags":{"a":1}}""", "tags.a", "invalid_type")]
    [InlineData("""{"inference_id":"a","metric_name":"m","value":1,"dryrun":"yes"}""", "dryrun", "invalid_type")]
    public void A_wrong_field_is_named(string json, string parameter, string code)
    {
        using var body = System.Text.Json.JsonDocument.Parse(json);

        var error = Assert.Throws<Serving.Observability.ApiException>(() => Serving.Feedback.FeedbackParser.Parse(body.RootElement)).Error;

        Assert.Equal((400, parameter, code), (error.Status, error.Parameter, error.Code));
    }

    [Fact]
    public async Task The_verbs_show_export_and_delete_an_episodes_feedback_and_find_its_folder_sound()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        await using (var log = new FeedbackLog(new EpisodeOptions { Root = folder.Root }))
        {
            await log.AppendAsync(Sample("a", "rating", "0.5"), Token);
            await log.AppendAsync(Sample("b", "comment", "\"good\""), Token);
        }

        var shown = ToolFolder.Run("show", folder.Root, "--id", "a");
        var exported = ToolFolder.Run("export", folder.Root, "--to", "jsonl", "--out", folder.Place("all.jsonl"));
        var deleted = ToolFolder.Run("delete", folder.Root, "--id", "a");
        var verified = ToolFolder.Run("verify", Path.Combine(folder.Root, "serving_feedback"));

        Assert.Contains("rating 0.5, k = v", shown.Output, StringComparison.Ordinal);
        Assert.Equal(0, exported.Code);
        Assert.Contains("\"metric_name\":\"comment\",\"value\":\"good\",\"tags\":{\"k\":\"v\"}", (await File.ReadAllLinesAsync(folder.Place("all.jsonl"), Token))[1], StringComparison.Ordinal);
        Assert.Contains("1 values of feedback deleted", deleted.Output, StringComparison.Ordinal);
        Assert.Equal(["b"], new FeedbackReader(folder.Root).ReadAll().Select(feedback => feedback.EpisodeId));
        Assert.True(verified.Code == 0, verified.Output + verified.Error);
    }

    [Fact]
    public async Task A_torn_tail_is_cut_at_the_next_start()
    {
        using var folder = new TemporaryFolder();
        var options = new EpisodeOptions { Root = folder.Path };
        await using (var log = new FeedbackLog(options))
        {
            await log.AppendAsync(Sample("a", "m", "1"), Token);
        }

        var place = Path.Combine(folder.Path, "serving_feedback", "1.0.0");
        var shard = await File.ReadAllBytesAsync(Path.Combine(place, "serving_feedback-train.tfrecord-00000"), Token);
        await File.WriteAllBytesAsync(Path.Combine(place, "serving_feedback-train.tfrecord-00001"), [.. shard, .. shard[..20]], Token);
        await using (var log = new FeedbackLog(options))
        {
            await log.AppendAsync(Sample("c", "m", "1"), Token);
        }

        Assert.Equal(["a", "a", "c"], new FeedbackReader(folder.Path).ReadAll().Select(feedback => feedback.EpisodeId));
        Assert.Equal([1L, 1L, 1L], RldsFolder.Open(place).Info!.Splits.Single().ShardLengths);
    }

    private static FeedbackRecord Sample(string episode, string metric, string value) => new()
    {
        Id = "0199-" + episode,
        Created = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
        EpisodeId = episode,
        Metric = metric,
        Value = value,
        Tags = new Dictionary<string, string> { ["k"] = "v" },
    };

    private static string Body(string id) => $$"""{"inference_id":"{{id}}","metric_name":"rating","value":1}""";

    private static async Task<string> AnswerAsync(ServingApp app) =>
        (string)(await app.ChatAsync("best-of-n", "x", """ "max_tokens":4,"best_of_n":{"n":2} """, Token)).Json["id"]!;
}
