using System.Text.Json.Nodes;
using Serving.Batch;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

/// <summary>Files of OpenAI's batch requests, beside the same requests over HTTP.</summary>
public sealed class RequestFileTests : IAsyncDisposable
{
    private static readonly (string Url, string Body)[] _requests =
    [
        ("/v1/score", """{"queries":"reads archives","documents":["archives","Perl module, for dates","address books. And plots."]}"""),
        ("/score", """{"model":"reward","text_1":"reads archives","text_2":"archives"}"""),
        ("/v1/rerank", """{"query":"reads archives","documents":["archives","Perl \u00e9 module"],"top_n":1}"""),
        ("/v2/rerank", """{"query":"reads archives","documents":["archives","Perl module"],"raw_scores":true}"""),
        ("/v1/classify", """{"input":["A package. It reads archives.","Reads archives."]}"""),
        ("/v1/reward", """{"messages":[{"role":"user","content":"reads archives"},{"role":"assistant","content":"archives"}]}"""),
        ("/get_reward", """{"query":["reads archives"],"prompts":["reads"]}"""),
        ("/v1/chat/completions", """{"model":"best-of-n","messages":[{"role":"user","content":"Perl module"}],"seed":5,"max_tokens":8,"best_of_n":{"n":3,"return":"all"}}"""),
        ("/v1/chat/completions", """{"model":"distilled","messages":[{"role":"user","content":"Perl"}],"seed":5,"max_tokens":8,"logprobs":true}"""),
        ("/v1/completions", """{"model":"distilled","prompt":["Perl","archives"],"n":2,"seed":7,"max_tokens":6,"echo":true}"""),
        ("/v1/score", """{"queries":"reads archives"}"""),
        ("/v1/score", """{"queries":"reads archives","documents":"archives","model":"nobody"}"""),
        ("/v1/chat/completions", """{"model":"best-of-n","messages":[]}"""),
        ("/v1/rerank", "[1]"),
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly ServingApp _app = new(new Dictionary<string, string> { ["Inference:PrefixCacheTokens"] = "0", ["Inference:Precision"] = "Int8" });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Input => _folder.File("requests.jsonl");

    private string Output => _folder.File("answers.jsonl");

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Every_line_gives_the_status_and_the_body_that_the_server_gives_over_http()
    {
        await _app.ReadyAsync(Token);
        await WriteAsync([.. _requests.Select((request, i) => Request($"r{i}", request.Url, request.Body))]);

        Assert.Equal(1, await Score());

        var answers = await AnswersAsync();
        Assert.Equal(_requests.Length, answers.Length);
        for (var i = 0; i < answers.Length; i++)
        {
            var online = await _app.PostAsync(_requests[i].Url, _requests[i].Body, Token);
            Assert.Equal($"r{i}", (string?)answers[i]["custom_id"]);
            Assert.Equal((int)online.Status, (int)answers[i]["response"]!["status_code"]!);
            Assert.Equal(Timeless(online.Json), Timeless(answers[i]["response"]!["body"]!));
            Assert.Null(answers[i]["error"]);
        }
    }

    [Fact]
    public async Task Lines_that_fail_are_put_aside_with_their_numbers_and_texts()
    {
        var good = Request("good", "/v1/score", _requests[0].Body);
        string[] bad =
        [
            "not JSON at all",
            """{"custom_id":"no url","method":"POST","body":{}}""",
            """{"method":"POST","url":"/v1/score","body":{}}""",
            Request("get", "/v1/score", "{}").Replace("POST", "GET", StringComparison.Ordinal),
            Request("lost", "/v1/embeddings", "{}"),
            Request("stream", "/v1/chat/completions", """{"model":"distilled","messages":[{"role":"user","content":"x"}],"stream":true}"""),
            Request("learns", "/v1/chat/completions", """{"model":"best-of-n","messages":[{"role":"user","content":"x"}],"best_of_n":{"early_stop":true}}"""),
            Request("deep", "/v1/score", $"{new string('[', 40)}{new string(']', 40)}"),
            Request("large", "/v1/score", $$"""{"queries":"a","documents":"{{new string('x', 1 << 20)}}"}"""),
        ];
        await WriteAsync([good, .. bad, "", good]);

        Assert.Equal(1, await Score());

        var answers = await AnswersAsync();
        Assert.Equal([200, 400, 400, 400, 400, 404, 400, 400, 400, 413, 200], answers.Select(answer => (int)answer["response"]!["status_code"]!));
        Assert.Equal(
            ["invalid_json", "missing_required_parameter", "missing_required_parameter", "invalid_value", "unknown_url", "unsupported_parameter", "unsupported_parameter", "invalid_json", "request_too_large"],
            answers[1..^1].Select(answer => (string?)answer["response"]!["body"]!["error"]!["code"]));
        var errors = (await File.ReadAllLinesAsync(Output + ".errors", Token)).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal(Enumerable.Range(2, bad.Length), errors.Select(error => (int)error["line"]!));
        Assert.Equal([.. bad[..^1], null], errors.Select(error => (string?)error["input"]));
        Assert.All(errors.Zip(answers[1..^1]), pair => Assert.Equal(pair.Second["response"]!.ToJsonString(), pair.First["response"]!.ToJsonString()));
        Assert.NotEqual((string?)answers[0]["id"], (string?)answers[^1]["id"]);        // one id a line, also for equal ones
    }

    [Fact]
    public async Task A_run_broken_off_anywhere_goes_on_to_the_same_bytes_seeds_of_its_own_included()
    {
        await WriteAsync([.. Enumerable.Range(0, 12).Select(i => Request($"r{i}", "/v1/chat/completions",
            """{"model":"best-of-n","messages":[{"role":"user","content":"Perl module"}],"max_tokens":6,"best_of_n":{"n":2}}""")), "broken"]);
        Assert.Equal(1, await Score());
        var (output, errors) = (await File.ReadAllBytesAsync(Output, Token), await File.ReadAllBytesAsync(Output + ".errors", Token));
        var texts = (await AnswersAsync())[..^1].Select(answer => (string?)answer["response"]!["body"]!["choices"]![0]!["message"]!["content"]);
        Assert.True(texts.Distinct().Count() > 1);        // each line draws for itself

        await File.WriteAllBytesAsync(Output, output[..(output.Length / 2)], Token);
        Assert.Equal(1, await Score());

        Assert.Equal(output, await File.ReadAllBytesAsync(Output, Token));
        Assert.Equal(errors, await File.ReadAllBytesAsync(Output + ".errors", Token));
        Assert.False(Directory.Exists(_folder.File("data")));
    }

    [Fact]
    public async Task A_thousand_pairs_of_a_file_have_the_bits_that_the_score_route_gives_them()
    {
        await _app.ReadyAsync(Token);
        var random = new Random(8);
        string[] words = ["compressed", "archives", "address", "books.", "the", "plots.", "Games", "of", "war", "é", "漢字"];
        string Words(int most) => string.Join(' ', Enumerable.Range(0, 1 + random.Next(most)).Select(_ => words[random.Next(words.Length)]));
        var pairs = Enumerable.Range(0, 1000).Select(_ => (Source: Words(60), Answer: Words(12))).ToArray();
        await WriteAsync([.. pairs.Select(pair => new JsonObject { ["source"] = pair.Source, ["answer"] = pair.Answer }.ToJsonString())]);

        Assert.Equal(0, await Score());

        var scores = await AnswersAsync();
        foreach (var model in (string?[])[null, "reward", "entailment", "style"])
        {
            var body = new JsonObject
            {
                ["model"] = model,
                ["queries"] = new JsonArray([.. pairs.Select(pair => (JsonNode)pair.Source)]),
                ["documents"] = new JsonArray([.. pairs.Select(pair => (JsonNode)pair.Answer)]),
            };
            var online = (await _app.PostAsync("/v1/score", body.ToJsonString(), Token)).Json["data"]!.AsArray();
            Assert.Equal(
                online.Select(score => BitConverter.DoubleToInt64Bits((double)score!["raw_logit"]!)),
                scores.Select(score => BitConverter.DoubleToInt64Bits(model is null ? (double)score["total"]! : (float)score["scores"]![model]!)));
        }
    }

    private static string Request(string id, string url, string body) => $$"""{"custom_id":"{{id}}","method":"POST","url":"{{url}}","body":{{body}}}""";

    /// <summary>Without what tells one request from an equal one.</summary>
    private static string Timeless(JsonNode body)
    {
        if (body is JsonObject fields)
        {
            fields.Remove("id");
            fields.Remove("created");
        }

        return body.ToJsonString();
    }

    private Task WriteAsync(string[] lines) => File.WriteAllLinesAsync(Input, lines, Token);

    private async Task<JsonNode[]> AnswersAsync() => [.. (await File.ReadAllLinesAsync(Output, Token)).Select(line => JsonNode.Parse(line)!)];

    private Task<int> Score()
    {
        var root = new System.CommandLine.RootCommand { ScoreCommand.Create() };
        return root.Parse(["score", "--in", Input, "--out", Output, "--models", _app.ModelsRoot, "--Onnx:Threads=1"]).InvokeAsync(null, Token);
    }
}
