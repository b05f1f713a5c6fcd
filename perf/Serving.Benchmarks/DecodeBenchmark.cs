using System.CommandLine;
using System.Diagnostics;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Tokens per second and per CPU-second through the whole engine, by rows and threads. The figures are medians over rounds in which all row counts
/// take turns, so that a busy moment does not fall on one of them; on a shared machine compare those per CPU-second.
/// </summary>
internal static class DecodeBenchmark
{
    private const int MemorySlots = 32;

    /// <summary>12.5 M parameters: what docs call m10.</summary>
    private static readonly DecoderConfig _m10 = new()
    {
        VocabularySize = 8192,
        HiddenSize = 320,
        Layers = 8,
        Heads = 5,
        KeyValueHeads = 5,
        HeadDimension = 64,
        IntermediateSize = 864,
        MaxPositions = 512,
        BosTokenId = 1,
        EosTokenIds = [2],
    };

    public static int Run(string[] args)
    {
        var model = new Option<string?>("--model")
        {
            Description = "Policy folder (config.json, model.safetensors, model.onnx); none = random weights of the m10 shape.",
        };
        var rows = new Option<int[]>("--rows") { DefaultValueFactory = _ => [1, 4, 16, 32], AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int[]>("--threads") { DefaultValueFactory = _ => [1, 2], AllowMultipleArgumentsPerToken = true };
        var prompt = new Option<int>("--prompt") { Description = "Prompt tokens.", DefaultValueFactory = _ => 128 };
        var tokens = new Option<int>("--tokens") { Description = "New tokens per row.", DefaultValueFactory = _ => 64 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new RootCommand("Decoding speed of the engine.") { model, rows, threads, prompt, tokens, rounds };
        command.SetAction(parsed =>
        {
            using var random = new TemporaryFolder();
            var folder = parsed.GetValue(model);
            if (folder is null)
            {
                folder = random.Path;
                TinyPolicy.Write(folder, _m10);
            }

            foreach (var count in parsed.GetValue(threads)!)
            {
                Measure(folder, count, parsed.GetValue(rows)!, parsed.GetValue(prompt), parsed.GetValue(tokens), parsed.GetValue(rounds));
            }
        });
        return command.Parse(args).Invoke();
    }

    private static void Measure(string folder, int threads, int[] rows, int promptTokens, int newTokens, int rounds)
    {
        var options = new InferenceOptions { Slots = Math.Max(MemorySlots, rows.Max()) };
        using var decoder = OnnxDecoder.Load(folder, new OnnxOptions { Threads = threads }, options);
        using var engine = new PolicyEngine(decoder, options, [], _ => default);
        var prompt = Enumerable.Range(0, promptTokens).Select(i => (i * 37) % decoder.VocabularySize).ToArray();
        var whole = rows.ToDictionary(count => count, _ => new List<Usage>());
        var prefill = rows.ToDictionary(count => count, _ => new List<Usage>());
        for (var round = -1; round < rounds; round++)
        {
            foreach (var count in rows)
            {
                var first = Run(engine, prompt, count, 1);
                var all = Run(engine, prompt, count, newTokens);
                if (round >= 0)            // the first round binds and warms
                {
                    prefill[count].Add(first);
                    whole[count].Add(all);
                }
            }
        }

        Console.WriteLine($"{threads} thread(s), prompt {promptTokens}, {newTokens} new tokens per row, median of {rounds} rounds");
        Console.WriteLine(
            "rows | request: wall ms | tokens/s | tokens/CPU-s | decode step: wall ms | CPU ms | tokens/CPU-s | bytes allocated | prefill CPU ms");
        foreach (var count in rows)
        {
            var (all, first) = (Usage.Median(whole[count]), Usage.Median(prefill[count]));
            double steps = newTokens - 1, generated = count * newTokens;
            var stepCpu = (all.Cpu - first.Cpu) / steps;
            Console.WriteLine(
                $"{count,4} | {all.Wall,16:f1} | {generated / all.Wall * 1000,8:f0} | {generated / all.Cpu * 1000,12:f0} | "
                + $"{(all.Wall - first.Wall) / steps,20:f2} | {stepCpu,6:f2} | {count / stepCpu * 1000,12:f0} | {(all.Bytes - first.Bytes) / steps,15:f0} | {first.Cpu,14:f1}");
        }
    }

    private static Usage Run(PolicyEngine engine, int[] prompt, int rows, int tokens)
    {
        var request = new SampleRequest(prompt, new SamplingParameters { MaxTokens = tokens, IgnoreEos = true, TopP = 0.95f }, rows);
        var bytes = GC.GetTotalAllocatedBytes(precise: true);
        var cpu = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        engine.SampleAsync(request, null, CancellationToken.None).GetAwaiter().GetResult();
        return new Usage(
            Stopwatch.GetElapsedTime(start).TotalMilliseconds,
            (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds,
            GC.GetTotalAllocatedBytes(precise: true) - bytes);
    }

    private readonly record struct Usage(double Wall, double Cpu, double Bytes)
    {
        public static Usage Median(List<Usage> rounds) => new(
            Middle(rounds.Select(round => round.Wall)), Middle(rounds.Select(round => round.Cpu)), Middle(rounds.Select(round => round.Bytes)));

        private static double Middle(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
    }
}
