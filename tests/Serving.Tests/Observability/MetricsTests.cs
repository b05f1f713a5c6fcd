using System.Globalization;
using System.Net;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Observability;

/// <summary>
/// GET /metrics of the whole server. Meters belong to the process, and other tests run in it: what is counted here carries the names of policies that no
/// other test has.
/// </summary>
public sealed class MetricsTests : IAsyncDisposable
{
    private const string Anchor = "metered-anchor";
    private const string Student = "metered-student";
    private const string Secret = "perl module to parse zebras";

    private static readonly Dictionary<string, double[]> _boundaries = new()
    {
        ["gen_ai_server_request_duration_seconds"] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
        ["gen_ai_server_time_to_first_token_seconds"] = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        ["gen_ai_server_time_per_output_token_seconds"] = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
        ["gen_ai_client_token_usage"] = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
        ["serving_time_per_output_token_seconds"] = [0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075, 0.01],
        ["serving_request_candidates"] = [1, 2, 4, 8, 16, 32, 64],
    };

    private readonly ServingApp _app = new(
        new Dictionary<string, string> { ["Models:Anchor"] = Anchor, ["Models:Distilled"] = Student },
        store =>
        {
            TinyPolicy.Publish(store, Anchor, seed: 1);
            TinyPolicy.Publish(store, Student, seed: 2);
            TinyScorer.PublishBoth(store);
        });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_histograms_have_the_names_and_boundaries_of_the_conventions()
    {
        await AskAsync();

        var samples = await SamplesAsync();

        foreach (var (name, boundaries) in _boundaries)
        {
            var buckets = samples.Where(s => s.Name == name + "_bucket" && s.Labels["gen_ai_response_model"] == $"{Anchor}@1" && IsNotInput(s)).ToArray();
            Assert.Equal([.. boundaries, double.PositiveInfinity], buckets.Select(s => Number(s.Labels["le"])));
            Assert.Equal(buckets[^1].Value, Value(samples, name + "_count", Anchor));
        }
    }

    [Fact]
    public async Task Requests_tokens_candidates_and_the_choice_are_counted_under_the_required_attributes()
    {
        await AskAsync();

        var samples = await SamplesAsync();

        Assert.Equal(2, Value(samples, "gen_ai_server_request_duration_seconds_count", Anchor));
        Assert.Equal(2, Value(samples, "gen_ai_server_time_to_first_token_seconds_count", Anchor));
        Assert.Equal(2, Value(samples, "gen_ai_server_time_per_output_token_seconds_count", Anchor));
        Assert.Equal(8, Value(samples, "serving_time_per_output_token_seconds_count", Anchor));
        Assert.Equal(8, Value(samples, "serving_request_candidates_sum", Anchor));
        Assert.Equal(2, Value(samples, "serving_chosen_minus_mean_count", Anchor));
        Assert.True(Value(samples, "serving_chosen_minus_mean_sum", Anchor) > 0);
        Assert.Equal(2, Value(samples, "gen_ai_server_request_duration_seconds_count", Student));
        Assert.Equal(3, Value(samples, "serving_request_candidates_sum", Student));
        Assert.Equal(0, Value(samples, "serving_chosen_minus_mean_count", Student));
        var request = samples.First(s => s.Name == "gen_ai_server_request_duration_seconds_count" && s.Labels.GetValueOrDefault("gen_ai_response_model") == $"{Anchor}@1");
        Assert.Equal(
            ("chat", "serving", "best-of-n"),
            (request.Labels["gen_ai_operation_name"], request.Labels["gen_ai_provider_name"], request.Labels["gen_ai_request_model"]));
        Assert.Equal(2 * 12, Value(samples, "gen_ai_client_token_usage_sum", Anchor));
        Assert.Equal(3 * 12, Value(samples, "gen_ai_client_token_usage_sum", Student));
    }

    [Fact]
    public async Task Engine_scorers_and_log_are_measured()
    {
        await AskAsync();

        var samples = await SamplesAsync();

        foreach (var name in (string[])["serving_num_requests_running", "serving_num_requests_waiting", "serving_kv_cache_usage_bytes"])
        {
            Assert.Contains(samples, s => s.Name == name && s.Labels["serving_policy"] == Anchor);
        }

        Assert.True(samples.Single(s => s.Name == "serving_kv_cache_usage_bytes" && s.Labels["serving_policy"] == Anchor).Value > 0);
        Assert.True(Value(samples, "serving_prefix_cache_hits_total", Anchor) > 0);      // the second group asks the same
        Assert.True(Value(samples, "serving_prefix_cache_queries_total", Anchor) > Value(samples, "serving_prefix_cache_hits_total", Anchor));
        Assert.True(Value(samples, "serving_generation_tokens_total", Anchor) >= 8 * 12);
        foreach (var scorer in (string[])["reward", "entailment"])
        {
            foreach (var name in (string[])["serving_scorer_run_duration_seconds_count", "serving_scorer_batch_fill_count", "serving_scorer_queue_depth"])
            {
                Assert.Contains(samples, s => s.Name == name && s.Labels["serving_scorer"] == scorer);
            }
        }

        Assert.True(samples.Single(s => s.Name == "serving_episodes_written_total").Value >= 2);
        Assert.True(samples.Single(s => s.Name == "serving_episode_append_duration_seconds_count").Value >= 2);
    }

    [Fact]
    public async Task An_error_is_counted_by_its_code_and_what_the_client_sent_becomes_no_series()
    {
        await _app.ReadyAsync(Token);
        await _app.ChatAsync("no-such-zebra", Secret, "", Token);
        await _app.ChatAsync("best-of-n", Secret, "\"temperature\": 9", Token);
        await AskAsync();

        var text = await TextAsync(samples => samples.Any(s => s.Name.EndsWith("duration_seconds_count", StringComparison.Ordinal)
            && s.Labels.GetValueOrDefault("error_type") == "model_not_found"));

        Assert.DoesNotContain("zebra", text, StringComparison.OrdinalIgnoreCase);
        var failed = PrometheusText.Parse(text).Where(s => s.Name == "gen_ai_server_request_duration_seconds_count" && s.Labels.ContainsKey("error_type")).ToArray();
        Assert.Contains(failed, s => s.Labels["error_type"] == "invalid_value");
        Assert.All(failed.Where(s => s.Labels["error_type"] is "invalid_value" or "model_not_found"), s => Assert.False(s.Labels.ContainsKey("gen_ai_request_model")));
    }

    [Fact]
    public async Task A_candidate_that_a_scorer_vetoes_is_counted_and_left_out_of_the_mean()
    {
        await using var app = await new ServingApp(
            new Dictionary<string, string>
            {
                ["Models:Anchor"] = "vetoed-anchor",
                ["Models:Distilled"] = "vetoed-anchor",
                ["Scoring:Scorecards:default:style:VetoBelow"] = "1000",
            },
            store =>
            {
                TinyPolicy.Publish(store, "vetoed-anchor");
                TinyScorer.PublishBoth(store);
            }).ReadyAsync(Token);
        Assert.Equal(HttpStatusCode.OK, (await app.ChatAsync("best-of-n", Secret, "\"best_of_n\": {\"n\": 3}", Token)).Status);

        var samples = await SamplesAsync(app, found => Value(found, "serving_request_candidates_count", "vetoed-anchor") == 1);

        Assert.True(samples.Single(s => s.Name == "serving_scorer_vetoes_total" && s.Labels["serving_scorer"] == "style").Value >= 3);
        Assert.Equal(0, Value(samples, "serving_chosen_minus_mean_count", "vetoed-anchor"));
    }

    [Fact]
    public async Task Metrics_can_be_switched_off()
    {
        await using var app = new ServingApp(new Dictionary<string, string> { ["Observability:Metrics"] = "false" });

        using var response = await app.Client.GetAsync(new Uri("/metrics", UriKind.Relative), Token);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Two groups of four of the anchor; a stream and a pair of plain answers of the student.</summary>
    private async Task AskAsync()
    {
        const string Fields = "\"max_tokens\": 12, \"ignore_eos\": true, \"seed\": 5";
        await _app.ReadyAsync(Token);
        await OkAsync(_app.ChatAsync("best-of-n", Secret, Fields + ", \"best_of_n\": {\"n\": 4}", Token));
        await OkAsync(_app.ChatAsync("best-of-n", Secret, Fields + ", \"best_of_n\": {\"n\": 4}, \"stream\": true", Token));
        await OkAsync(_app.ChatAsync("distilled", Secret, Fields + ", \"stream\": true", Token));
        await OkAsync(_app.ChatAsync("distilled", Secret, Fields + ", \"n\": 2", Token));
    }

    private static async Task OkAsync(Task<Reply> reply) => Assert.Equal(HttpStatusCode.OK, (await reply).Status);

    // What a request was like is noted when its last byte has left, so a client may be quicker.
    private Task<IReadOnlyList<PrometheusSample>> SamplesAsync() => SamplesAsync(
        _app, samples => Value(samples, "serving_request_candidates_count", Anchor) == 2 && Value(samples, "serving_request_candidates_count", Student) == 2);

    private async Task<string> TextAsync(Func<IReadOnlyList<PrometheusSample>, bool> isComplete)
    {
        await SamplesAsync(_app, isComplete);
        return await _app.Client.GetStringAsync("/metrics", Token);
    }

    private static async Task<IReadOnlyList<PrometheusSample>> SamplesAsync(ServingApp app, Func<IReadOnlyList<PrometheusSample>, bool> isComplete)
    {
        while (true)
        {
            var samples = PrometheusText.Parse(await app.Client.GetStringAsync("/metrics", Token));
            if (isComplete(samples))
            {
                return samples;
            }

            await Task.Delay(20, Token);
        }
    }

    private static double Value(IReadOnlyList<PrometheusSample> samples, string name, string policy) =>
        samples.Where(s => s.Name == name && IsOf(s, policy) && IsNotInput(s)).Sum(s => s.Value);

    private static bool IsOf(PrometheusSample sample, string policy) => sample.Labels.GetValueOrDefault("gen_ai_response_model") == $"{policy}@1";

    private static bool IsNotInput(PrometheusSample sample) => sample.Labels.GetValueOrDefault("gen_ai_token_type") != "input";

    private static double Number(string text) => text == "+Inf" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture);
}
