using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Serving.Benchmarks;

/// <summary>How long one answer took, in milliseconds. Definitions are those of `vllm bench serve`.</summary>
/// <param name="First">Request sent to first chunk with text (of a whole answer: to its end).</param>
/// <param name="Whole">Request sent to the end of the answer.</param>
/// <param name="Gaps">Between the chunks with text.</param>
/// <param name="Tokens">Generated tokens of all choices.</param>
internal sealed record AnswerTimes(double First, double Whole, IReadOnlyList<double> Gaps, int Tokens)
{
    /// <summary>Time per output token: (whole - first) / (tokens - 1).</summary>
    public double PerToken => Tokens < 2 ? 0 : (Whole - First) / (Tokens - 1);
}

/// <summary>Asks /v1/completions as any client would and keeps the time. Thread-safe.</summary>
internal sealed class LoadClient(HttpClient client)
{
    private static readonly Uri _completions = new("/v1/completions", UriKind.Relative);

    /// <summary>A prompt of token ids that shares nothing with those of other numbers, so that no prefix is found in a cache.</summary>
    public static int[] Prompt(int number, int length, int vocabulary) =>
        [.. Enumerable.Range(0, length).Select(i => (int)((((uint)number * 2654435761u) + ((uint)i * 40503u)) % (uint)vocabulary))];

    /// <summary>Exactly <paramref name="tokens"/> tokens of each of <paramref name="choices"/> samples, without scores.</summary>
    public static JsonObject Body(string model, int[] prompt, int choices, int tokens, bool stream)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["prompt"] = new JsonArray([.. prompt.Select(id => JsonValue.Create(id))]),
            ["n"] = choices,
            ["max_tokens"] = tokens,
            ["ignore_eos"] = true,
            ["seed"] = 7,
            ["stream"] = stream,
        };
        if (stream)
        {
            body["stream_options"] = new JsonObject { ["include_usage"] = true };
        }

        return body;
    }

    public async Task<AnswerTimes> AskAsync(JsonObject body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _completions) { Content = JsonContent.Create(body) };
        var start = Stopwatch.GetTimestamp();
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        }

        return (bool)body["stream"]! ? await ReadStreamAsync(response, start, cancellationToken) : await ReadWholeAsync(response, start, cancellationToken);
    }

    private static async Task<AnswerTimes> ReadWholeAsync(HttpResponseMessage response, long start, CancellationToken cancellationToken)
    {
        var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        var whole = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new AnswerTimes(whole, whole, [], Tokens(JsonNode.Parse(answer)!));
    }

    private static async Task<AnswerTimes> ReadStreamAsync(HttpResponseMessage response, long start, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        var times = new List<double>();
        var tokens = 0;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.StartsWith("data: {", StringComparison.Ordinal))
            {
                continue;
            }

            var now = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            var chunk = JsonNode.Parse(line["data: ".Length..])!;
            if (chunk["choices"] is JsonArray { Count: > 0 })
            {
                times.Add(now);
            }
            else
            {
                tokens = Tokens(chunk);
            }
        }

        var whole = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return new AnswerTimes(times[0], whole, [.. times.Zip(times.Skip(1), (left, right) => right - left)], tokens);
    }

    private static int Tokens(JsonNode answer) => (int)answer["usage"]!["completion_tokens"]!;
}
