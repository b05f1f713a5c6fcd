using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Testing;

/// <summary>One answer of <see cref="SwapTraffic"/>.</summary>
/// <param name="Request">Number of the request; requests that are equal modulo <see cref="SwapTraffic.Distinct"/> are equal.</param>
/// <param name="Streamed">Whether it came token by token.</param>
/// <param name="Model">The version that every part of it names.</param>
/// <param name="Text">The whole text.</param>
/// <param name="Fault">What was wrong with it; null when it is whole and of one version.</param>
/// <param name="Arrivals">Of a stream: when its pieces came, in ticks of <see cref="Stopwatch"/>.</param>
public sealed record SwapAnswer(int Request, bool Streamed, string Model, string Text, string? Fault, IReadOnlyList<long> Arrivals);

/// <summary>
/// Clients that ask for answers of one policy without a pause, every other one streamed, and keep every answer with whatever is wrong with it. For tests and
/// benchmarks that publish versions meanwhile.
/// </summary>
public sealed class SwapTraffic(HttpClient client, string model, int clients, int maxTokens, Func<int, string> prompt)
{
    /// <summary>How many different requests there are, so that a cold server can be asked for all of them.</summary>
    public const int Distinct = 6;

    private readonly ConcurrentQueue<SwapAnswer> _answers = new();
    private int _next;

    /// <summary>All answers so far.</summary>
    public IReadOnlyCollection<SwapAnswer> Answers => _answers;

    /// <summary>Asks until it is told to stop; requests under way are then finished.</summary>
    public Task RunAsync(Func<bool> stop, CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(
        async () =>
        {
            while (!stop())
            {
                _answers.Enqueue(await AskAsync(Interlocked.Increment(ref _next), cancellationToken));
            }
        },
        cancellationToken)));

    /// <summary>One request by its number; even ones are streamed.</summary>
    public async Task<SwapAnswer> AskAsync(int request, CancellationToken cancellationToken)
    {
        var streamed = request % 2 == 0;
        var which = request / 2 % Distinct;
        var body = new JsonObject
        {
            ["model"] = model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt(which) }),
            ["seed"] = which,
            ["max_tokens"] = maxTokens,
            ["stream"] = streamed,
        };
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = JsonContent.Create(body) };
            using var response = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return !response.IsSuccessStatusCode
                ? Fault(await response.Content.ReadAsStringAsync(cancellationToken))
                : streamed
                ? await ReadStreamAsync(which, response, cancellationToken)
                : Whole(which, JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken))!);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return Fault(e.Message);
        }

        SwapAnswer Fault(string reason) => new(which, streamed, "", "", reason, []);
    }

    private static SwapAnswer Whole(int request, JsonNode answer)
    {
        var choice = answer["choices"]![0]!;
        return new SwapAnswer(
            request,
            false,
            (string)answer["model"]!,
            (string?)choice["message"]!["content"] ?? "",
            choice["finish_reason"] is null ? "no finish_reason" : null,
            []);
    }

    private static async Task<SwapAnswer> ReadStreamAsync(int request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var (text, models, arrivals) = (new StringBuilder(), new HashSet<string>(), new List<long>());
        var (finished, done) = (false, false);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal))
            {
                continue;
            }

            if (line == "data: [DONE]")
            {
                done = true;
                continue;
            }

            arrivals.Add(Stopwatch.GetTimestamp());
            var chunk = JsonNode.Parse(line["data: ".Length..])!;
            models.Add((string?)chunk["model"] ?? $"no model in {line}");
            foreach (var choice in chunk["choices"]?.AsArray() ?? [])
            {
                text.Append((string?)choice!["delta"]?["content"]);
                finished |= choice["finish_reason"] is not null;
            }
        }

        var fault = (finished, done, models.Count) switch
        {
            (_, false, _) => "no [DONE]",
            (false, _, _) => "no finish_reason",
            (_, _, not 1) => $"parts of {string.Join(" and ", models)}",
            _ => null,
        };
        return new SwapAnswer(request, true, string.Join(",", models), text.ToString(), fault, arrivals);
    }
}
