using System.CommandLine;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks.Distil;

/// <summary>
/// Verb "traffic": the log that the experiments of "distil" learn from. A server process answers the documents of a file, in an order that the seed gives, each as Best-of-N
/// at temperature 1, and logs its episodes.
/// </summary>
internal static class TrafficBenchmark
{
    public static Task<int> Run(string[] args)
    {
        var data = new Option<string>("--data") { Required = true, Description = "JSON Lines with a document each." };
        var episodes = new Option<string>("--episodes") { Required = true, Description = "Folder for the log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var anchor = new Option<string>("--anchor") { DefaultValueFactory = _ => "anchor", Description = "Name of the policy that answers." };
        var skip = new Option<int>("--skip") { Description = "Documents passed over." };
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 6000 };
        var candidates = new Option<int>("--n") { DefaultValueFactory = _ => 16 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 7 };
        var command = new RootCommand("Traffic for a log.") { data, episodes, models, anchor, skip, count, candidates, seed };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var documents = File.ReadLines(parsed.GetRequiredValue(data)).Select(line => (string)JsonNode.Parse(line)!["document"]!).ToArray();
            new Random(parsed.GetValue(seed)).Shuffle(documents);
            await using var server = await ServerProcess.StartAsync(
                Path.GetFullPath(parsed.GetRequiredValue(models)), Path.GetFullPath(parsed.GetRequiredValue(episodes)), cancellationToken, "--Experiments:Gate=Off", $"--Models:Anchor={parsed.GetValue(anchor)}");
            using var client = server.CreateClient();
            await server.ReadyAsync(cancellationToken);
            var (answered, refused) = (0, 0);
            var wanted = documents.Skip(parsed.GetValue(skip)).Take(parsed.GetValue(count)).Select((document, i) => (document, i));
            await Parallel.ForEachAsync(wanted, new ParallelOptions { MaxDegreeOfParallelism = 2 * Environment.ProcessorCount, CancellationToken = cancellationToken }, async (request, token) =>
            {
                using var response = await client.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), Body(request.document, request.i, parsed.GetValue(candidates)), token);
                var told = response.IsSuccessStatusCode ? Interlocked.Increment(ref answered) : Interlocked.Increment(ref refused);
                if (response.IsSuccessStatusCode && told % 500 == 0)
                {
                    Console.Error.WriteLine($"{told} answered");
                }
            });
            Console.WriteLine($"{answered} answered and logged, {refused} refused (too long)");
        });
        return command.Parse(args).InvokeAsync();
    }

    private static JsonObject Body(string document, int seed, int candidates) => new()
    {
        ["model"] = "best-of-n",
        ["seed"] = seed,
        ["temperature"] = 1,
        ["max_tokens"] = 32,
        ["best_of_n"] = new JsonObject { ["n"] = candidates },
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = document }),
    };
}
