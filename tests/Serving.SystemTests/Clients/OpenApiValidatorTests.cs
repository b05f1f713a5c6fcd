using System.Text.Json.Nodes;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>Validators that others wrote, from npm, over the OpenAPI document and over answers by it.</summary>
public sealed class OpenApiValidatorTests(ReadyApp ready, NodeClient node) : IClassFixture<ReadyApp>, IClassFixture<NodeClient>
{
    private const string Requests =
        """
        [
          {"method": "POST", "route": "/v1/chat/completions", "body": {"model": "best-of-n", "messages": [{"role": "user", "content": "dates"}], "logprobs": true, "top_logprobs": 2,
            "max_tokens": 4, "best_of_n": {"n": 3, "return": "all", "early_stop": {"at": 0}}}},
          {"method": "POST", "route": "/v1/chat/completions", "body": {"model": "distilled", "messages": [{"role": "user", "content": "dates"}], "max_tokens": 4}},
          {"method": "POST", "route": "/v1/chat/completions", "body": {"model": "best-of-n", "messages": [{"role": "user", "content": "dates"}], "max_tokens": 4, "logprobs": true,
            "best_of_n": {"n": 2}, "stream": true, "stream_options": {"include_usage": true}}},
          {"method": "POST", "route": "/v1/completions", "body": {"model": "distilled", "prompt": "dates", "max_tokens": 4, "logprobs": 2, "echo": true}},
          {"method": "POST", "route": "/v1/completions", "body": {"model": "distilled", "prompt": "dates", "max_tokens": 4, "logprobs": 0, "stream": true}},
          {"method": "POST", "route": "/v1/completions", "body": {"model": "distilled", "prompt": 5}, "status": 400},
          {"method": "POST", "route": "/v1/completions", "body": {"model": "nobody", "prompt": "dates"}, "status": 404},
          {"method": "POST", "route": "/tokenize", "body": {"prompt": "dates", "return_token_strs": true}},
          {"method": "POST", "route": "/detokenize", "body": {"tokens": [5, 6]}},
          {"method": "POST", "route": "/v1/score", "body": {"queries": "dates", "documents": ["dates", "games"]}},
          {"method": "POST", "route": "/v1/rerank", "body": {"query": "dates", "documents": ["dates", "games"]}},
          {"method": "POST", "route": "/v2/rerank", "body": {"query": "dates", "documents": ["dates", "games"]}},
          {"method": "POST", "route": "/classify", "body": {"input": ["dates", "parses dates. It plays."]}},
          {"method": "POST", "route": "/v1/reward", "body": {"messages": [{"role": "user", "content": "dates"}, {"role": "assistant", "content": "parses dates"}]}},
          {"method": "POST", "route": "/get_reward", "body": {"query": ["dates: parses"], "prompts": ["dates: "]}},
          {"method": "GET", "route": "/v1/models"},
          {"method": "GET", "route": "/v1/models/{id}", "path": "/v1/models/distilled"},
          {"method": "GET", "route": "/v1/models/{id}", "path": "/v1/models/nobody", "status": 404},
          {"method": "GET", "route": "/livez"},
          {"method": "GET", "route": "/readyz"},
          {"method": "GET", "route": "/health"},
          {"method": "GET", "route": "/health_generate"},
          {"method": "GET", "route": "/version"},
          {"method": "GET", "route": "/metrics"}
        ]
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_document_and_every_schema_in_it_are_valid_and_their_examples_are_what_they_describe()
    {
        var result = await node.RunAsync(await ready.AppAsync(Token), "openapi.faults", "", Token);

        Assert.StartsWith("3.1", (string?)result["version"], StringComparison.Ordinal);
        Assert.True((int)result["schemas"]! > 30);
        AssertNone(result["faults"]!);
    }

    [Fact]
    public async Task Answers_are_what_the_document_says_and_hold_nothing_else()
    {
        var differences = await node.RunAsync(await ready.AppAsync(Token), "openapi.answers", $"\"requests\": {Requests}", Token);

        AssertNone(differences);
    }

    private static void AssertNone(JsonNode faults) => Assert.True(faults.AsArray().Count == 0, string.Join('\n', faults.AsArray().Select(fault => (string?)fault)));
}
