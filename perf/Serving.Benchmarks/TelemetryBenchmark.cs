using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "telemetry": what metrics and traces cost. Servers answer the same Best-of-N requests in turn, block by block. Metrics are compared between processes: one with
/// them, one without, and a second one without, which shows how far apart two equal processes lie. Traces are compared within one process: its callers ask for a trace
/// (the sampled flag of traceparent), which goes to a collector in this process, or ask for none. Figures are ratios within a block, so that a noisy machine cancels out.
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
        await using var off = await ServerProcess.StartAsync(models, folder.File("off"), cancellationToken, "--Experiments:Gate=Off", "--Observability:Metrics=false");
        await using var again = await ServerProcess.StartAsync(models, folder.File("again"), cancellationToken, "--Experiments:Gate=Off", "--Observability:Metrics=false");
        await using var metrics = await ServerProcess.StartAsync(models, folder.File("metrics"), cancellationToken, "--Experiments:Gate=Off");
        await using var traces = await ServerProcess.StartAsync(models, folder.File("traces"), cancellationToken, "--Experiments:Gate=Off", $"--Observability:OtlpEndpoint={collector.Address}");
        using var untraced = new Side("with a collector, not asked for traces", traces, sampled: false);
        using var without = new Side("off", off, sampled: false);
        using var another = new Side("off, another process", again, sampled: false, without);
        using var measured = new Side("metrics", metrics, sampled: false, without);
        using var traced = new Side("with a collector, every request traced", traces, sampled: true, untraced);
        Side[] sides = [without, another, measured, untraced, traced];
        foreach (var side in sides)
        {
            await side.ReadyAsync(cancellationToken);
            await side.BlockAsync(block: -1, requests, cancellationToken);      // compiles and warms
            await side.BlockAsync(block: -2, requests, cancellationToken);
            side.Speed.Clear();
        }

        for (var block = 0; block < blocks; block++)
        {
            for (var i = 0; i < sides.Length; i++)
            {
                await sides[(i + block) % sides.Length].BlockAsync(block, requests, cancellationToken);
            }
        }

        Console.WriteLine($"{blocks} blocks of {requests} requests, Best-of-16, two at a time; tokens of all candidates; ratios: median of the blocks [quartiles]");
        Console.WriteLine("| measured | tokens/CPU-s | ratio | tokens/s | ratio | to |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var side in sides)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {side.Name} | {Median(side.Speed.Select(s => s.PerCpuSecond)):F0} | {side.Ratio(s => s.PerCpuSecond)} | {Median(side.Speed.Select(s => s.PerSecond)):F0} | {side.Ratio(s => s.PerSecond)} | {side.Baseline?.Name} |"));
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }

    /// <summary>One server as one kind of caller sees it.</summary>
    private sealed class Side(string name, ServerProcess server, bool sampled, Side? baseline = null) : IDisposable
    {
        /// <summary>
        /// Traced requests have other numbers, for a server keeps the prompts that it has seen; the two series change sides with every block, for their answers
        /// differ in length.
        /// </summary>
        private const int Apart = 1_000_000;

        private readonly HttpClient _client = server.CreateClient();

        public string Name => name;

        public Side? Baseline => baseline;

        public List<(double PerSecond, double PerCpuSecond)> Speed { get; } = [];

        public Task ReadyAsync(CancellationToken cancellationToken) => server.ReadyAsync(cancellationToken);

        /// <summary>Requests of one kind for every side: number and seed depend on the block alone.</summary>
        public async Task BlockAsync(int block, int requests, CancellationToken cancellationToken)
        {
            var tokens = 0;
            var (cpu, watch) = (server.ProcessorTime, Stopwatch.StartNew());
            await Parallel.ForAsync(0, requests, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, async (i, token) =>
            {
                using var response = await _client.SendAsync(RequestOf((block * requests) + i + (sampled == (block % 2 == 0) ? Apart : 0)), token);
                response.EnsureSuccessStatusCode();
                var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(token))!;
                Interlocked.Add(ref tokens, (int)answer["best_of_n"]!["tokens_spent"]!);
            });
            using (await _client.GetAsync(new Uri("/metrics", UriKind.Relative), cancellationToken))
            {
            }

            Speed.Add((tokens / watch.Elapsed.TotalSeconds, tokens / (server.ProcessorTime - cpu).TotalSeconds));
        }

        public string Ratio(Func<(double PerSecond, double PerCpuSecond), double> of)
        {
            double[] ratios = [.. Speed.Zip((baseline ?? this).Speed, (mine, other) => of(mine) / of(other)).Order()];
            return string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):F3} [{ratios[ratios.Length / 4]:F3}, {ratios[ratios.Length * 3 / 4]:F3}]");
        }

        public void Dispose() => _client.Dispose();

        private HttpRequestMessage RequestOf(int number)
        {
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
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/chat/completions", UriKind.Relative)) { Content = JsonContent.Create(body) };
            request.Headers.Add("traceparent", $"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-{(sampled ? "01" : "00")}");
            return request;
        }
    }
}
