using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "telemetry": what metrics and traces cost. Four server processes answer the same Best-of-N requests in turn, block by block: nothing measured,
/// metrics, metrics and traces sent to a collector in this process, and nothing measured once more, which shows how far apart two equal processes lie. Figures
/// are ratios within a block, so that a noisy machine cancels out.
/// </summary>
internal static class TelemetryBenchmark
{
    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var blocks = new Option<int>("--blocks") { DefaultValueFactory = _ => 15 };
        var requests = new Option<int>("--requests") { DefaultValueFactory = _ => 20 };
        var command = new RootCommand("Cost of metrics and traces.") { models, blocks, requests };
        command.SetAction((parsed, cancellationToken) =>
            CompareAsync(Path.GetFullPath(parsed.GetValue(models)!), parsed.GetValue(blocks), parsed.GetValue(requests), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static async Task CompareAsync(string models, int blocks, int requests, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await using var collector = await OtlpReceiver.StartAsync(cancellationToken);
        await using var off = await ServerProcess.StartAsync(models, folder.File("off"), cancellationToken, "--Observability:Metrics=false");
        await using var metrics = await ServerProcess.StartAsync(models, folder.File("metrics"), cancellationToken);
        await using var traces = await ServerProcess.StartAsync(models, folder.File("traces"), cancellationToken, $"--Observability:OtlpEndpoint={collector.Address}");
        await using var again = await ServerProcess.StartAsync(models, folder.File("again"), cancellationToken, "--Observability:Metrics=false");
        (string Name, ServerProcess Server, HttpClient Client, List<(double PerSecond, double PerCpuSecond)> Speed)[] sides =
        [
            ("off", off, off.CreateClient(), []),
            ("metrics", metrics, metrics.CreateClient(), []),
            ("metrics and traces", traces, traces.CreateClient(), []),
            ("off, another process", again, again.CreateClient(), []),
        ];
        foreach (var side in sides)
        {
            while (!(await side.Client.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken)).IsSuccessStatusCode)
            {
                await Task.Delay(50, cancellationToken);
            }

            await BlockAsync(side.Server, side.Client, block: -1, requests, cancellationToken);      // compiles and warms
            await BlockAsync(side.Server, side.Client, block: -2, requests, cancellationToken);
        }

        for (var block = 0; block < blocks; block++)
        {
            for (var i = 0; i < sides.Length; i++)
            {
                var side = sides[(i + block) % sides.Length];
                side.Speed.Add(await BlockAsync(side.Server, side.Client, block, requests, cancellationToken));
            }
        }

        Console.WriteLine($"{blocks} blocks of {requests} requests, Best-of-16, two at a time; tokens of all candidates; ratios: median of the blocks [quartiles]");
        Console.WriteLine("| measured | tokens/CPU-s | of off | tokens/s | of off |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var side in sides)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {side.Name} | {Median(side.Speed.Select(s => s.PerCpuSecond)):F0} | {Ratio(s => s.PerCpuSecond)} | {Median(side.Speed.Select(s => s.PerSecond)):F0} | {Ratio(s => s.PerSecond)} |"));
            side.Client.Dispose();

            string Ratio(Func<(double PerSecond, double PerCpuSecond), double> of)
            {
                double[] ratios = [.. side.Speed.Zip(sides[0].Speed, (mine, without) => of(mine) / of(without)).Order()];
                return string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):F3} [{ratios[ratios.Length / 4]:F3}, {ratios[ratios.Length * 3 / 4]:F3}]");
            }
        }
    }

    /// <summary>The same requests for every server: description and seed depend on the block alone.</summary>
    private static async Task<(double PerSecond, double PerCpuSecond)> BlockAsync(
        ServerProcess server, HttpClient client, int block, int requests, CancellationToken cancellationToken)
    {
        var tokens = 0;
        var (cpu, watch) = (server.ProcessorTime, Stopwatch.StartNew());
        await Parallel.ForAsync(0, requests, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, async (i, token) =>
        {
            var number = (block * requests) + i;
            var body = new JsonObject
            {
                ["model"] = "best-of-n",
                ["seed"] = Math.Abs(number),
                ["max_tokens"] = 32,
                ["best_of_n"] = new JsonObject { ["n"] = 16 },
                ["messages"] = new JsonArray(new JsonObject
                {
                    ["role"] = "user",
                    ["content"] = $"Library number {number} for reading, converting and plotting tables of measurements, with bindings for several languages.",
                }),
            };
            using var response = await client.PostAsJsonAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, token);
            response.EnsureSuccessStatusCode();
            var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(token))!;
            Interlocked.Add(ref tokens, (int)answer["best_of_n"]!["tokens_spent"]!);
        });
        using (await client.GetAsync(new Uri("/metrics", UriKind.Relative), cancellationToken))
        {
        }

        return (tokens / watch.Elapsed.TotalSeconds, tokens / (server.ProcessorTime - cpu).TotalSeconds);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }
}
