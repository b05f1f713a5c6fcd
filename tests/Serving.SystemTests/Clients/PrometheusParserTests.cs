using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>A parser of the Prometheus text format that others wrote, from npm, against /metrics of the whole server.</summary>
public sealed class PrometheusParserTests(NodeClient node) : IClassFixture<NodeClient>
{
    private static readonly Dictionary<string, string[]> _histograms = new()
    {
        ["gen_ai_server_request_duration_seconds"] =
            ["0.01", "0.02", "0.04", "0.08", "0.16", "0.32", "0.64", "1.28", "2.56", "5.12", "10.24", "20.48", "40.96", "81.92"],
        ["gen_ai_server_time_to_first_token_seconds"] =
            ["0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "7.5", "10"],
        ["gen_ai_server_time_per_output_token_seconds"] =
            ["0.01", "0.025", "0.05", "0.075", "0.1", "0.15", "0.2", "0.3", "0.4", "0.5", "0.75", "1", "2.5"],
        ["gen_ai_client_token_usage"] =
            ["1", "4", "16", "64", "256", "1024", "4096", "16384", "65536", "262144", "1048576", "4194304", "16777216", "67108864"],
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_parser_reads_every_family_with_its_kind_and_its_buckets()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        await app.ChatAsync("best-of-n", "Perl module to parse dates.", "\"best_of_n\": {\"n\": 4}", Token);
        await app.ChatAsync("distilled", "Perl module to parse dates.", "\"max_tokens\": 8, \"ignore_eos\": true", Token);

        JsonNode families;
        do
        {
            families = await node.RunAsync(app, "metrics.families", "", Token);
        }
        while (Family(families, "serving_request_candidates") is null);        // noted when the answer's last byte has left

        foreach (var (name, boundaries) in _histograms)
        {
            var family = Family(families, name)!;
            Assert.Equal("HISTOGRAM", (string?)family["type"]);
            Assert.Equal([.. boundaries.Append("+Inf").Order()], family["metrics"]![0]!["buckets"]!.AsObject().Select(bucket => bucket.Key).Order());
        }

        Assert.Equal("COUNTER", (string?)Family(families, "serving_episodes_written_total")!["type"]);
        Assert.Equal("GAUGE", (string?)Family(families, "serving_num_requests_running")!["type"]);
        Assert.Equal("HISTOGRAM", (string?)Family(families, "serving_scorer_run_duration_seconds")!["type"]);
        Assert.All(families.AsArray(), family => Assert.NotEmpty((string?)family!["help"] ?? ""));
    }

    private static JsonNode? Family(JsonNode families, string name) => families.AsArray().FirstOrDefault(family => (string?)family!["name"] == name);
}
