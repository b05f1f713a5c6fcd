using System.Text.Json;
using Serving.Generation;
using Serving.Observability;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class RequestParserTests
{
    private static readonly GenerationOptions _options = new() { MaxTokens = 40 };

    [Fact]
    public void A_minimal_chat_request_gets_the_documented_defaults()
    {
        var request = Chat("");

        Assert.Equal("m", request.Model);
        Assert.Equal("hi", Assert.Single(Assert.IsType<ChatPrompt>(request.Prompts[0]).Messages).Content);
        Assert.Equal((1, null, null), (request.Answers, request.BestOfN, request.Seed));
        Assert.Equal((1f, 1f, 0, 40, false), (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK, request.Sampling.MaxTokens, request.Sampling.IgnoreEos));
        Assert.Empty(request.Sampling.Stop);
        Assert.Equal((true, false, false, false), (request.Store, request.LogProbs, request.Stream, request.IncludeUsage));
    }

    [Fact]
    public void Every_field_arrives_where_it_belongs()
    {
        var request = Chat(
            """
            "n":3,"seed":-7,"stop":["a","b"],"temperature":0.5,"top_p":0.9,"top_k":20,"max_tokens":5,"max_completion_tokens":6,"ignore_eos":true,
            "stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":7,"min_p":0.1,
            "repetition_penalty":1.5,"presence_penalty":-1,"frequency_penalty":2,"logit_bias":{"5":-100,"7":3.5},"metadata":{"a":"b"},"store":false,"user":"u",
            "best_of_n":{"n":8,"return":"ranked","later":1},"something_new":[1,2]
            """);

        Assert.Equal((3, unchecked((ulong)-7L)), (request.Answers, request.Seed));
        Assert.Equal((0.5f, 0.9f, 20, 6, true), (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK, request.Sampling.MaxTokens, request.Sampling.IgnoreEos));
        Assert.Equal((0.1f, 1.5f, -1f, 2f, 7), (request.Sampling.MinP, request.Sampling.RepetitionPenalty, request.Sampling.PresencePenalty, request.Sampling.FrequencyPenalty, request.Sampling.TopLogProbs));
        Assert.Equal([new(5, -100), new(7, 3.5f)], request.Sampling.LogitBias.OrderBy(bias => bias.Key));
        Assert.Equal(["a", "b"], request.Sampling.Stop);
        Assert.Equal((false, true, true, true), (request.Store, request.LogProbs, request.Stream, request.IncludeUsage));
        Assert.Equal(new BestOfNRequest(8, CandidateReturn.Ranked), request.BestOfN);
        Assert.Equal(["max_tokens", "something_new"], request.Ignored);      // max_completion_tokens goes before
    }

    [Theory]
    [InlineData("\"best_of\":null")]
    [InlineData("\"best_of\":1")]
    [InlineData("\"best_of\":1,\"n\":3")]
    public void Best_of_null_and_1_ask_for_nothing(string fields) => Assert.Null(Chat(fields).BestOfN);

    [Fact]
    public void A_larger_best_of_is_ranked_by_our_scorers() => Assert.Equal(new BestOfNRequest(4, CandidateReturn.Best), Chat("\"best_of\":4").BestOfN);

    [Fact]
    public void An_empty_best_of_n_object_takes_the_configured_number() => Assert.Equal(new BestOfNRequest(null, CandidateReturn.Best), Chat("\"best_of_n\":{}").BestOfN);

    [Theory]
    [InlineData("\"n\":null,\"seed\":null,\"stop\":null,\"temperature\":null,\"logprobs\":null,\"stream\":null,\"stream_options\":null,\"best_of_n\":null,\"store\":null,\"metadata\":null,\"max_tokens\":null")]
    [InlineData("\"presence_penalty\":0,\"frequency_penalty\":0.0,\"logit_bias\":{},\"tools\":[],\"response_format\":{\"type\":\"text\"}")]
    [InlineData("\"top_k\":-1,\"stop\":[]")]
    public void Nulls_and_neutral_values_are_as_if_absent(string fields)
    {
        var request = Chat(fields);

        Assert.Equal((1, null, null, true, 0), (request.Answers, request.Seed, request.BestOfN, request.Store, request.Sampling.TopK));
    }

    [Fact]
    public void Text_parts_are_joined()
    {
        var request = Parse(AnswerKind.Chat, """{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}""");

        Assert.Equal("ab", ((ChatPrompt)request.Prompts[0]).Messages[0].Content);
    }

    [Theory]
    [InlineData("""{"model":"m","prompt":"x"}""", "x", null)]
    [InlineData("""{"model":"m","prompt":["x"]}""", "x", null)]
    [InlineData("""{"model":"m","prompt":[1,2,3]}""", null, new[] { 1, 2, 3 })]
    [InlineData("""{"model":"m","prompt":[[1,2]]}""", null, new[] { 1, 2 })]
    public void A_completion_prompt_is_text_or_token_ids(string json, string? text, int[]? tokens)
    {
        var prompt = Parse(AnswerKind.Text, json).Prompts[0];

        Assert.Equal(text, (prompt as TextPrompt)?.Text);
        Assert.Equal(tokens, (prompt as TokenPrompt)?.Tokens);
    }

    [Theory]
    [InlineData("\"temperature\":-0.1", "temperature", "invalid_value")]
    [InlineData("\"temperature\":2.01", "temperature", "invalid_value")]
    [InlineData("\"temperature\":1e999", "temperature", "invalid_value")]
    [InlineData("\"temperature\":\"1\"", "temperature", "invalid_type")]
    [InlineData("\"top_p\":0", "top_p", "invalid_value")]
    [InlineData("\"top_p\":1.5", "top_p", "invalid_value")]
    [InlineData("\"top_k\":-2", "top_k", "invalid_value")]
    [InlineData("\"n\":0", "n", "invalid_value")]
    [InlineData("\"n\":65", "n", "invalid_value")]
    [InlineData("\"n\":1.5", "n", "invalid_value")]
    [InlineData("\"n\":\"two\"", "n", "invalid_type")]
    [InlineData("\"n\":99999999999999999999", "n", "invalid_value")]
    [InlineData("\"best_of_n\":{\"n\":0}", "best_of_n.n", "invalid_value")]
    [InlineData("\"best_of_n\":{\"n\":65}", "best_of_n.n", "invalid_value")]
    [InlineData("\"best_of_n\":{\"return\":\"some\"}", "best_of_n.return", "invalid_value")]
    [InlineData("\"best_of_n\":{\"scorer\":\"mine\"}", "best_of_n.scorer", "unsupported_parameter")]
    [InlineData("\"best_of_n\":16", "best_of_n", "invalid_type")]
    [InlineData("\"best_of_n\":{\"n\":2},\"n\":3", "best_of_n.n", "invalid_value")]
    [InlineData("\"best_of\":2,\"n\":3", "best_of", "invalid_value")]
    [InlineData("\"best_of\":2,\"best_of_n\":{\"n\":3}", "best_of", "invalid_value")]
    [InlineData("\"max_tokens\":0", "max_tokens", "invalid_value")]
    [InlineData("\"max_completion_tokens\":-1", "max_completion_tokens", "invalid_value")]
    [InlineData("\"seed\":1.5", "seed", "invalid_value")]
    [InlineData("\"seed\":9223372036854775808", "seed", "invalid_value")]
    [InlineData("\"stop\":5", "stop", "invalid_type")]
    [InlineData("\"stop\":[\"a\",5]", "stop[1]", "invalid_type")]
    [InlineData("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]", "stop", "invalid_value")]
    [InlineData("\"stop\":\"\"", "stop", "invalid_value")]
    [InlineData("\"logprobs\":1", "logprobs", "invalid_type")]
    [InlineData("\"logprobs\":true,\"top_logprobs\":21", "top_logprobs", "invalid_value")]
    [InlineData("\"top_logprobs\":2", "top_logprobs", "invalid_value")]
    [InlineData("\"min_p\":1.1", "min_p", "invalid_value")]
    [InlineData("\"min_p\":\"0\"", "min_p", "invalid_type")]
    [InlineData("\"repetition_penalty\":0", "repetition_penalty", "invalid_value")]
    [InlineData("\"frequency_penalty\":-2.1", "frequency_penalty", "invalid_value")]
    [InlineData("\"stream\":\"yes\"", "stream", "invalid_type")]
    [InlineData("\"stream_options\":{}", "stream_options", "invalid_value")]
    [InlineData("\"stream\":true,\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage", "invalid_type")]
    [InlineData("\"metadata\":\"x\"", "metadata", "invalid_type")]
    [InlineData("\"metadata\":{\"a\":1}", "metadata.a", "invalid_type")]
    [InlineData("\"store\":\"x\"", "store", "invalid_type")]
    [InlineData("\"user\":1", "user", "invalid_type")]
    [InlineData("\"user\":\"\\ud800\"", "user", "invalid_value")]
    [InlineData("\"presence_penalty\":2.5", "presence_penalty", "invalid_value")]
    [InlineData("\"logit_bias\":[5]", "logit_bias", "invalid_type")]
    [InlineData("\"logit_bias\":{\"five\":1}", "logit_bias.five", "invalid_value")]
    [InlineData("\"logit_bias\":{\"-5\":1}", "logit_bias.-5", "invalid_value")]
    [InlineData("\"logit_bias\":{\"5\":101}", "logit_bias.5", "invalid_value")]
    [InlineData("\"logit_bias\":{\"5\":null}", "logit_bias.5", "invalid_type")]
    [InlineData("\"tools\":[{}]", "tools", "unsupported_parameter")]
    [InlineData("\"echo\":true", "echo", "unsupported_parameter")]
    [InlineData("\"response_format\":\"json\"", "response_format", "invalid_type")]
    [InlineData("\"response_format\":{\"type\":5}", "response_format.type", "invalid_type")]
    public void A_bad_field_is_named(string fields, string parameter, string code)
    {
        var error = Assert.Throws<ApiException>(() => Chat(fields)).Error;

        Assert.Equal((400, parameter, code), (error.Status, error.Parameter, error.Code));
        Assert.Contains(parameter, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", null, "invalid_type")]
    [InlineData("5", null, "invalid_type")]
    [InlineData("{}", "model", "missing_required_parameter")]
    [InlineData("""{"model":"m"}""", "messages", "missing_required_parameter")]
    [InlineData("""{"model":5,"messages":[]}""", "model", "invalid_type")]
    [InlineData("""{"model":"m","messages":"hi"}""", "messages", "invalid_type")]
    [InlineData("""{"model":"m","messages":[]}""", "messages", "invalid_value")]
    [InlineData("""{"model":"m","messages":["hi"]}""", "messages[0]", "invalid_type")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]}""", "messages[0].content", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":[{"content":"x"}]}""", "messages[0].role", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":[{"role":"robot","content":"x"}]}""", "messages[0].role", "invalid_value")]
    [InlineData("""{"model":"m","messages":[{"role":"system","content":"x"}]}""", "messages", "invalid_value")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":5}]}""", "messages[0].content", "invalid_type")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}""", "messages[0].content[0].type", "invalid_value")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}""", "messages[0].content[0].text", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"\ud800"}]}""", "messages[0].content", "invalid_value")]
    public void A_bad_chat_request_names_what_is_wrong(string json, string? parameter, string code)
    {
        var error = Assert.Throws<ApiException>(() => Parse(AnswerKind.Chat, json)).Error;

        Assert.Equal((400, parameter, code), (error.Status, error.Parameter, error.Code));
    }

    [Theory]
    [InlineData("""{"model":"m"}""", "prompt", "missing_required_parameter")]
    [InlineData("""{"model":"m","prompt":5}""", "prompt", "invalid_type")]
    [InlineData("""{"model":"m","prompt":["a",5]}""", "prompt[1]", "invalid_type")]
    [InlineData("""{"model":"m","prompt":[[1],["a"]]}""", "prompt[1][0]", "invalid_type")]
    [InlineData("""{"model":"m","prompt":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"],"n":64}""", "prompt", "invalid_value")]
    [InlineData("""{"model":"m","prompt":"x","max_tokens":0}""", "max_tokens", "invalid_value")]
    [InlineData("""{"model":"m","prompt":"x","echo":1}""", "echo", "invalid_type")]
    [InlineData("""{"model":"m","prompt":[1,-2]}""", "prompt[1]", "invalid_value")]
    [InlineData("""{"model":"m","prompt":[1,2.5]}""", "prompt[1]", "invalid_value")]
    [InlineData("""{"model":"m","prompt":[1,true]}""", "prompt[1]", "invalid_type")]
    [InlineData("""{"model":"m","prompt":"x","logprobs":true}""", "logprobs", "invalid_type")]
    [InlineData("""{"model":"m","prompt":"x","logprobs":6}""", "logprobs", "invalid_value")]
    [InlineData("""{"model":"m","prompt":"x","suffix":"y"}""", "suffix", "unsupported_parameter")]
    public void A_bad_completion_request_names_what_is_wrong(string json, string parameter, string code)
    {
        var error = Assert.Throws<ApiException>(() => Parse(AnswerKind.Text, json)).Error;

        Assert.Equal((400, parameter, code), (error.Status, error.Parameter, error.Code));
    }

    private static GenerationRequest Chat(string fields) =>
        Parse(AnswerKind.Chat, $$"""{"model":"m","messages":[{"role":"user","content":"hi"}]{{(fields.Length == 0 ? "" : "," + fields)}}}""");

    private static GenerationRequest Parse(AnswerKind kind, string json)
    {
        using var document = JsonDocument.Parse(json);
        return RequestParser.Parse(kind, document.RootElement, _options);
    }
}
