using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "answer-cost": the server's processor time for one sample of a small policy and for Best-of-16 of the anchor, over HTTP and with the log, at several
/// numbers of callers at once. The two take turns.
/// </summary>
internal static class AnswerCostBenchmark
{
    private const int Warm = 800;              // answers until nearly everything is compiled for good

    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models" };
        var policy = new Option<string>("--model") { Description = "Who gives the single samples.", DefaultValueFactory = _ => "student" };
        var callers = new Option<int[]>("--callers") { DefaultValueFactory = _ => [1, 4, 8, 16], AllowMultipleArgumentsPerToken = true };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var requests = new Option<int>("--requests") { Description = "Best-of-16 answers of a round; three times as many single samples.", DefaultValueFactory = _ => 100 };
        var command = new RootCommand("Processor time of an answer.") { models, policy, callers, rounds, requests };
        command.SetAction((parsed, cancellationToken) => MeasureAsync(
            Path.GetFullPath(parsed.GetRequiredValue(models)), parsed.GetRequiredValue(policy), parsed.GetRequiredValue(callers), parsed.GetValue(rounds), parsed.GetValue(requests), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static async Task MeasureAsync(string models, string policy, int[] callers, int rounds, int requests, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await using var server = await ServerProcess.StartAsync(models, folder.File("episodes"), cancellationToken, "--Experiments:Gate=Off");
        await server.ReadyAsync(cancellationToken);
        using var client = server.CreateClient();
        var descriptions = new Queue<string>(Descriptions.Take((2 * Warm) + (callers.Length * rounds * 4 * requests)));
        _ = await CostAsync("best-of-n", Warm / 4, 2);
        _ = await CostAsync(policy, Warm, 2);
        Console.WriteLine($"| callers | one sample of {policy}, CPU ms | Best-of-16, CPU ms | ratio, median of {rounds} rounds [least, most] |");
        Console.WriteLine("| --- | --- | --- | --- |");
        foreach (var atOnce in callers)
        {
            var (singles, groups) = (new List<double>(), new List<double>());
            for (var round = 0; round < rounds; round++)
            {
                singles.Add(await CostAsync(policy, 3 * requests, atOnce));
                groups.Add(await CostAsync("best-of-n", requests, atOnce));
            }

            double[] ratios = [.. singles.Zip(groups, (single, group) => group / single).Order()];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {atOnce} | {StepCost.Middle([.. singles]):f2} | {StepCost.Middle([.. groups]):f2} | {StepCost.Middle(ratios):f1} [{ratios[0]:f1}, {ratios[^1]:f1}] |"));
        }

        async Task<double> CostAsync(string model, int count, int atOnce)
        {
            string[] prompts = [.. Enumerable.Range(0, count).Select(_ => descriptions.Dequeue())];
            var before = server.ProcessorTime;
            await Parallel.ForEachAsync(prompts, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken }, async (prompt, token) =>
            {
                var body = new JsonObject
                {
                    ["model"] = model,
                    ["seed"] = 7,
                    ["temperature"] = 0.7,
                    ["max_tokens"] = 32,
                    ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt }),
                };
                using var response = await client.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, token);
                response.EnsureSuccessStatusCode();
            });
            return (server.ProcessorTime - before).TotalMilliseconds / count;
        }
    }
}
