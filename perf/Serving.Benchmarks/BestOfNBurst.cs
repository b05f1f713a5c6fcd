using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Best-of-8 questions, several at a time: what a trainer learns from.</summary>
internal static class BestOfNBurst
{
    private const int AtATime = 4;

    /// <summary>Returns when a server, once it is ready, has answered so many.</summary>
    public static async Task SendAsync(ServerProcess server, int questions, CancellationToken cancellationToken)
    {
        await server.ReadyAsync(cancellationToken);
        using var http = server.CreateClient();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, questions),
            new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellationToken },
            async (number, token) =>
            {
                var body = new JsonObject
                {
                    ["model"] = "best-of-n",
                    ["seed"] = number,
                    ["best_of_n"] = new JsonObject { ["n"] = 8 },
                    ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"Library number {number} for reading and plotting tables of {number % 17} measurements." }),
                };
                using var response = await http.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, token);
                response.EnsureSuccessStatusCode();
            });
    }
}
