using System.CommandLine;
using System.Diagnostics;
using Serving.Inference;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Memory over many steps of mixed traffic: groups and single requests, stop strings, streams that are left, cancellations, repeated prompts.</summary>
internal static class SoakBenchmark
{
    private const int Readings = 10;

    public static int Run(string[] args)
    {
        var steps = new Option<long>("--steps") { DefaultValueFactory = _ => 100_000 };
        var command = new RootCommand("Memory over many steps.") { steps };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var folder = new TemporaryFolder();
            TinyPolicy.Write(folder.Path, TinyPolicy.Config with { HiddenSize = 128, Heads = 2, KeyValueHeads = 2, HeadDimension = 64, MaxPositions = 512, VocabularySize = 2048 });
            var options = new InferenceOptions { Precision = Precision.Int8, Slots = 24, PrefixCacheTokens = 2000 };
            using var engine = new PolicyEngine(PagedDecoder.Load(folder.Path, new() { Threads = 1 }, options), options, [2], _ => "x"u8.ToArray());
            Console.WriteLine("| steps | tokens | requests | resident MB | managed heap MB |");
            Console.WriteLine("| --- | --- | --- | --- | --- |");
            var requests = 0L;
            var random = new Random(3);
            var running = new List<Task>();
            for (var reading = 1; reading <= Readings; reading++)
            {
                while (engine.Statistics.Steps < parsed.GetValue(steps) * reading / Readings)
                {
                    running.Add(One(engine, random.Next()));
                    requests++;
                    if (running.Count >= 12)
                    {
                        running.Remove(await Task.WhenAny(running));
                    }
                }

                await Task.WhenAll(running);
                running.Clear();
                GC.Collect();
                using var process = Process.GetCurrentProcess();
                var statistics = engine.Statistics;
                Console.WriteLine($"| {statistics.Steps} | {statistics.GeneratedTokens} | {requests} | {process.WorkingSet64 / 1e6:f1} | {GC.GetTotalMemory(true) / 1e6:f2} |");
            }
        });
        return command.Parse(args).Invoke();
    }

    private static async Task One(PolicyEngine engine, int seed)
    {
        var random = new Random(seed);
        var prompt = Enumerable.Range(0, 1 + random.Next(300)).Select(i => random.Next(4) == 0 ? random.Next(3, 2048) : 3 + i).ToArray();
        var sampling = new SamplingParameters
        {
            MaxTokens = 1 + random.Next(120),
            Seed = (ulong)seed,
            TopP = random.Next(2) == 0 ? 1 : 0.9f,
            PresencePenalty = random.Next(3) == 0 ? 0.5f : 0,
            TopLogProbs = random.Next(5) == 0 ? 3 : 0,
        };
        var request = new SampleRequest(prompt, sampling, random.Next(3) == 0 ? 1 + random.Next(16) : 1);
        using var cancellation = new CancellationTokenSource();
        try
        {
            switch (random.Next(8))
            {
                case 0:
                    var task = engine.SampleAsync(request, null, cancellation.Token);
                    await Task.Delay(random.Next(20), CancellationToken.None);
                    await cancellation.CancelAsync();
                    await task;
                    break;
                case 1:
                    await foreach (var step in engine.StreamAsync(request with { Candidates = 1 }, cancellation.Token))
                    {
                        if (random.Next(30) == 0)
                        {
                            break;
                        }
                    }

                    break;
                default:
                    await engine.SampleAsync(request, null, cancellation.Token);
                    break;
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
