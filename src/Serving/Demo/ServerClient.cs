using System.Net.Http.Json;
using System.Text.Json;

namespace Serving.Demo;

/// <summary>One answer as the demo sees it. Immutable.</summary>
/// <param name="Policy">"name@version" that answered.</param>
/// <param name="Total">Scorecard total of the chosen candidate without the consensus, which a single sample has with nobody.</param>
internal sealed record DemoAnswer(string Text, string Policy, double Total, int Tokens);

/// <summary>The few requests that the demo makes, over HTTP like anybody's. Thread-safe.</summary>
internal sealed class ServerClient(Uri address) : IDisposable
{
    /// <summary>Of every request, and so of the policy that is trained on them.</summary>
    public const double Temperature = 0.7;

    private const double TopP = 0.95;
    private const int MostTokens = 40;
    private const string Consensus = "consensus";

    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) };

    public async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Whether a request may name this model.</summary>
    public async Task<bool> KnowsAsync(string model, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(new Uri($"/v1/models/{model}", UriKind.Relative), cancellationToken);
        return response.IsSuccessStatusCode;
    }

    /// <summary>Whatever the server thinks best: as users ask.</summary>
    /// <exception cref="HttpRequestException">The server did not answer 200; the message holds its error.</exception>
    public async Task<DemoAnswer> AskAutoAsync(string description, CancellationToken cancellationToken)
    {
        using var json = await PostAsync(
            new
            {
                model = "auto",
                messages = new[] { new { role = "user", content = description } },
                temperature = Temperature,
                top_p = TopP,
                max_tokens = MostTokens,
            },
            cancellationToken);
        return new DemoAnswer(TextOf(json), json.RootElement.GetProperty("model").GetString()!, Total: 0, json.RootElement.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    /// <summary>Best of <paramref name="candidates"/>; 1 is a single sample with its scores.</summary>
    /// <exception cref="HttpRequestException">The server did not answer 200; the message holds its error.</exception>
    public async Task<DemoAnswer> AskAsync(string model, string description, int candidates, long seed, bool store, CancellationToken cancellationToken)
    {
        using var json = await PostAsync(
            new
            {
                model,
                messages = new[] { new { role = "user", content = description } },
                temperature = Temperature,
                top_p = TopP,
                max_tokens = MostTokens,
                seed,
                store,
                best_of_n = new { n = candidates },
            },
            cancellationToken);
        var report = json.RootElement.GetProperty("best_of_n");
        var scores = report.GetProperty("scores")[report.GetProperty("chosen").GetInt32()];
        return new DemoAnswer(
            TextOf(json),
            report.GetProperty("policy").GetString()!,
            report.GetProperty("weights").EnumerateObject().Where(weight => weight.Name != Consensus).Sum(weight =>
                weight.Value.GetDouble() * scores.GetProperty(weight.Name).GetDouble()),
            report.GetProperty("tokens_spent").GetInt32());
    }

    public void Dispose() => _http.Dispose();

    private static string TextOf(JsonDocument json) => json.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private async Task<JsonDocument> PostAsync<T>(T request, CancellationToken cancellationToken)
    {
        using var response = await _http.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), request, cancellationToken);
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? JsonDocument.Parse(body) : throw new HttpRequestException($"{(int)response.StatusCode}: {body}");
    }
}
