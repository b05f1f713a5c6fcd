using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Models;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "swap": a server as a process, over a copy of real models; versions are published while clients stream and wait. Tells whether every answer is whole
/// and that of a cold server, what a swap does to the time between tokens and to memory, and how long a version takes to its first answer.
/// </summary>
internal static class SwapBenchmark
{
    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { Description = "Registry with the policies and scorers of the default settings.", DefaultValueFactory = _ => "models" };
        var name = new Option<string>("--name") { Description = "Policy whose versions are swapped: student or anchor.", DefaultValueFactory = _ => "student" };
        var swaps = new Option<int>("--swaps") { Description = "Under load.", DefaultValueFactory = _ => 50 };
        var requests = new Option<int>("--requests") { Description = "At least, under load.", DefaultValueFactory = _ => 2000 };
        var clients = new Option<int>("--clients") { DefaultValueFactory = _ => 4 };
        var more = new Option<int>("--memory-swaps") { Description = "Of the memory figure, almost idle; 0 = none.", DefaultValueFactory = _ => 200 };
        var command = new RootCommand("Swaps under load.") { models, name, swaps, requests, clients, more };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var run = new SwapRun(Path.GetFullPath(parsed.GetValue(models)!), parsed.GetValue(name)!, parsed.GetValue(clients), cancellationToken);
            var good = await run.LoadAsync(parsed.GetValue(swaps), parsed.GetValue(requests));
            if (parsed.GetValue(more) > 0)
            {
                await run.MemoryAsync(parsed.GetValue(more));
            }

            return good ? 0 : 1;
        });
        return command.Parse(args).Invoke();
    }
}

/// <summary>One run of the benchmark.</summary>
internal sealed class SwapRun(string models, string name, int clients, CancellationToken cancellationToken)
{
    private const int MaxTokens = 32;
    private const int CalmSeconds = 20;
    private const int EarlySwaps = 10;

    private readonly string _source = new ModelStore(models, TimeProvider.System).Latest(name)!.Path;

    /// <summary>Swaps under load; false when an answer was not as it must be.</summary>
    public async Task<bool> LoadAsync(int swaps, int requests)
    {
        using var folder = new TemporaryFolder();
        var pair = Registry(folder);
        await using var server = await StartAsync(folder);
        using var client = server.CreateClient();
        await server.ReadyAsync(cancellationToken);
        var traffic = new SwapTraffic(client, name, clients, MaxTokens, Prompt);
        var stopped = false;
        var running = traffic.RunAsync(() => Volatile.Read(ref stopped), cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);             // the first seconds compile code

        var calm = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(CalmSeconds), cancellationToken);
        var windows = new List<(long From, long To)>();
        var toFirst = new List<double>();
        var began = Stopwatch.GetTimestamp();
        for (var swap = 0; swap < swaps; swap++)
        {
            var version = pair.Publish();
            var published = Stopwatch.GetTimestamp();
            await FirstAnswerAsync(client, version.Id);
            windows.Add((published, Stopwatch.GetTimestamp()));
            toFirst.Add(Stopwatch.GetElapsedTime(published).TotalMilliseconds);
        }

        while (traffic.Answers.Count(answer => answer.Streamed ? answer.Arrivals.Count > 0 && answer.Arrivals[0] > began : true) < requests)
        {
            await Task.Delay(100, cancellationToken);
        }

        Volatile.Write(ref stopped, true);
        await running;
        var (first, second) = (await ColdAsync(changed: false), await ColdAsync(changed: true));
        var answers = traffic.Answers.ToArray();
        var other = answers.Count(answer => answer.Fault is null && answer.Text != (VersionPair.IsChanged(answer.Model) ? second : first)[answer.Request]);
        var faults = answers.Where(answer => answer.Fault is not null).ToArray();
        var gaps = answers.SelectMany(Gaps).ToArray();
        var without = gaps.Where(gap => gap.From >= calm && gap.To <= began).Select(Length).Order().ToArray();
        var during = gaps.Where(gap => windows.Exists(window => gap.To >= window.From && gap.From <= window.To)).Select(Length).Order().ToArray();
        Console.WriteLine($"{name}, {pair.WeightBytes / 1e6:F1} MB of weights, {clients} clients, half of them streaming, Int8; default poll interval of 1 s.");
        Console.WriteLine("| swaps | answers | streamed | versions that answered | faults | unlike a cold server |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        Console.WriteLine($"| {swaps} | {answers.Length} | {answers.Count(answer => answer.Streamed)} | {answers.Select(answer => answer.Model).Distinct().Count()} | {faults.Length} | {other} |");
        foreach (var fault in faults.Select(answer => answer.Fault).Distinct().Take(5))
        {
            Console.WriteLine($"fault: {fault}");
        }

        Console.WriteLine("| time between tokens, ms | p50 | p99 | p99.9 | worst |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        Console.WriteLine($"| without a swap ({without.Length}) | {At(without, 0.5)} | {At(without, 0.99)} | {At(without, 0.999)} | {At(without, 1)} |");
        Console.WriteLine($"| from publication to first answer ({during.Length}) | {At(during, 0.5)} | {At(during, 0.99)} | {At(during, 0.999)} | {At(during, 1)} |");
        var sorted = toFirst.Order().ToArray();
        Console.WriteLine($"publication to first answer, under load: median {At(sorted, 0.5)} ms, worst {At(sorted, 1)} ms");
        return faults.Length + other == 0;
    }

    /// <summary>Memory of the server process over many swaps, each used once.</summary>
    public async Task MemoryAsync(int swaps)
    {
        using var folder = new TemporaryFolder();
        var pair = Registry(folder);
        await using var server = await StartAsync(folder, "--Models:PollInterval=00:00:00.05");
        using var client = server.CreateClient();
        await server.ReadyAsync(cancellationToken);
        double early = 0;
        var above = new List<double>();
        var toFirst = new List<double>();
        for (var swap = 1; swap <= swaps; swap++)
        {
            await SettleAsync(client);
            var steady = Resident(server.Id);
            var peak = steady;
            var done = false;
            var watch = Task.Run(
                () =>
                {
                    while (!Volatile.Read(ref done))
                    {
                        peak = Math.Max(peak, Resident(server.Id));
                        Thread.Sleep(2);
                    }
                },
                cancellationToken);
            var version = pair.Publish();
            var published = Stopwatch.GetTimestamp();
            await FirstAnswerAsync(client, version.Id);
            toFirst.Add(Stopwatch.GetElapsedTime(published).TotalMilliseconds);
            Volatile.Write(ref done, true);
            await watch;
            above.Add((peak - steady) / (double)pair.WeightBytes);
            Directory.Delete(Path.Combine(folder.File("models"), name, (version.Number - 1).ToString(CultureInfo.InvariantCulture)), recursive: true);
            if (swap == EarlySwaps)
            {
                await SettleAsync(client);
                early = Resident(server.Id);
            }
        }

        await SettleAsync(client);
        var late = Resident(server.Id);
        var sorted = above.Skip(1).Order().ToArray();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"memory after {EarlySwaps} swaps {early / 1e6:F0} MB, after {swaps} {late / 1e6:F0} MB ({late / early:F3} x); "
            + $"peak above steady in weights: median {At(sorted, 0.5)}, worst {At(sorted, 1)}; "
            + $"publication to first answer, idle, poll interval of 50 ms: median {At([.. toFirst.Order()], 0.5)} ms, worst {At([.. toFirst.Order()], 1)} ms"));
    }

    /// <summary>Copies the models, so that the name begins with version 1 as it is.</summary>
    private VersionPair Registry(TemporaryFolder folder, bool changed = false)
    {
        var store = new ModelStore(models, TimeProvider.System);
        foreach (var other in store.Names().Where(other => other != name))
        {
            var version = store.Latest(other)!;
            var target = folder.File($"models/{other}/{version.Manifest.Version}");
            Directory.CreateDirectory(target);
            foreach (var file in Directory.GetFiles(version.Path))
            {
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
            }
        }

        var pair = new VersionPair(_source, new ModelStore(folder.File("models"), TimeProvider.System), name);
        pair.Publish();
        if (changed)
        {
            pair.Publish();
        }

        return pair;
    }

    private Task<ServerProcess> StartAsync(TemporaryFolder folder, params string[] settings) =>
        ServerProcess.StartAsync(folder.File("models"), folder.File("episodes"), cancellationToken, ["--Experiments:Gate=Off", .. settings]);

    /// <summary>Texts of all requests from a server that has never had another version.</summary>
    private async Task<string[]> ColdAsync(bool changed)
    {
        using var folder = new TemporaryFolder();
        Registry(folder, changed);
        await using var server = await StartAsync(folder);
        using var client = server.CreateClient();
        await server.ReadyAsync(cancellationToken);
        var cold = new SwapTraffic(client, name, 1, MaxTokens, Prompt);
        var texts = new string[SwapTraffic.Distinct];
        for (var request = 0; request < texts.Length; request++)
        {
            texts[request] = (await cold.AskAsync((2 * request) + 1, cancellationToken)).Text;
        }

        return texts;
    }

    private async Task FirstAnswerAsync(HttpClient client, string id)
    {
        var probe = new SwapTraffic(client, name, 1, 1, Prompt);
        while ((await probe.AskAsync(1, cancellationToken)).Model != id)
        {
            await Task.Delay(5, cancellationToken);
        }
    }

    /// <summary>A few answers, so that everything that is needed is in memory and everything else may leave.</summary>
    private async Task SettleAsync(HttpClient client)
    {
        var traffic = new SwapTraffic(client, name, 1, MaxTokens, Prompt);
        for (var request = 0; request < SwapTraffic.Distinct; request++)
        {
            await traffic.AskAsync((2 * request) + 1, cancellationToken);
        }
    }

    /// <summary>Bytes of a process in memory, pages of mapped files included.</summary>
    private static long Resident(int process)
    {
        const string Field = "VmRSS:";
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return long.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    private static IEnumerable<(long From, long To)> Gaps(SwapAnswer answer) => answer.Arrivals.Zip(answer.Arrivals.Skip(1));

    private static double Length((long From, long To) gap) => Stopwatch.GetElapsedTime(gap.From, gap.To).TotalMilliseconds;

    private static string At(double[] sorted, double share) => sorted.Length == 0
        ? "none"
        : sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))].ToString("F1", CultureInfo.InvariantCulture);

    private static string Prompt(int request) =>
        $"This package holds tool number {request}, which reads {request * 7 % 13} kinds of archives and writes them in a form that other programs understand.";
}
