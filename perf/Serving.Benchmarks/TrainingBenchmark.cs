using System.Diagnostics;
using System.Globalization;
using Serving.Models;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "training": tokens/s and tokens per CPU-second of full training steps (forward, backward, clipping, AdamW) on random token ids, and the
/// share of the same process's own sgemm peak that their products reach; bfloat16 where the processor multiplies in it, or when asked. FLOP of a
/// token = 6 x parameters + 12 x layers x T x d (attention).
/// </summary>
internal static class TrainingBenchmark
{
    private const int Rounds = 5;
    private const int StepsPerRound = 3;

    public static int Run(string[] args)
    {
        var threads = Argument(args, "--threads", 2);
        var rows = Argument(args, "--rows", 16);
        var length = Argument(args, "--length", 128);
        var config = Shape(args);
        set_num_threads(threads);
        var flopPerToken = (6.0 * config.Parameters) + (12.0 * config.Layers * length * config.HiddenSize);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{config.Parameters:N0} parameters, batch {rows} x {length}, {threads} threads"));
        Console.WriteLine("| compute | sgemm GFLOP/s | tokens/s | tokens/CPU-s | GFLOP/s | share of sgemm |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        ScalarType[] computes = BFloat16Products.AreFast || args.Contains("--bfloat16") ? [ScalarType.Float32, ScalarType.BFloat16] : [ScalarType.Float32];
        foreach (var compute in computes)
        {
            using var policy = new PolicyModule(config, seed: 1) { ComputeType = compute };
            using var optimizer = optim.AdamW(policy.parameters(), 1e-3);
            using var ids = randint(4, config.VocabularySize, [rows, length], ScalarType.Int64);
            Step(policy, optimizer, ids);
            var (wall, cpu, peak) = (new double[Rounds], new double[Rounds], new double[Rounds]);
            for (var round = 0; round < Rounds; round++)
            {
                peak[round] = SgemmPeak();                                      // interleaved, so that both see the same machine
                (wall[round], cpu[round]) = Time(() =>
                {
                    for (var step = 0; step < StepsPerRound; step++)
                    {
                        Step(policy, optimizer, ids);
                    }
                });
            }

            var tokens = StepsPerRound * rows * length;
            var (perSecond, perCpuSecond, sgemm) = (tokens / Median(wall), tokens / Median(cpu), Median(peak));
            var rate = perSecond * flopPerToken / 1e9;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {compute} | {sgemm:F1} | {perSecond:F0} | {perCpuSecond:F0} | {rate:F1} | {rate / sgemm:F2} |"));
        }

        return 0;
    }

    /// <summary>The shape of the shipped anchor where the arguments do not say otherwise.</summary>
    internal static DecoderConfig Shape(string[] args) => new()
    {
        VocabularySize = Argument(args, "--vocabulary", 4096),
        Family = ModelFamily.Qwen3,
        HiddenSize = Argument(args, "--hidden", 320),
        Layers = Argument(args, "--layers", 6),
        Heads = Argument(args, "--heads", 5),
        KeyValueHeads = Argument(args, "--kv-heads", 5),
        HeadDimension = Argument(args, "--head-dimension", 64),
        IntermediateSize = Argument(args, "--intermediate", 864),
        MaxPositions = 256,
    };

    internal static void Step(PolicyModule policy, optim.Optimizer optimizer, Tensor ids, int microBatches = 1)
    {
        var gradients = new GradientStep(policy.Trained, optimizer, clipNorm: 1);
        gradients.Begin(learningRate: 1e-3);
        for (var part = 0; part < microBatches; part++)
        {
            using var scope = NewDisposeScope();                                // a micro-batch's graph is gone before the next begins
            GradientStep.Add(policy.TokenLogProbs(ids.chunk(microBatches)[part]).mean().neg(), 1.0 / microBatches);
        }

        gradients.Apply();
    }

    /// <summary>fp32 torch.mm of 1024 x 1024 matrices, GFLOP/s of wall time.</summary>
    private static double SgemmPeak()
    {
        const int n = 1024, times = 20;
        using var scope = NewDisposeScope();
        var (a, b) = (randn(n, n), randn(n, n));
        a.mm(b).Dispose();
        var (wall, _) = Time(() =>
        {
            for (var i = 0; i < times; i++)
            {
                a.mm(b).Dispose();
            }
        });
        return 2.0 * n * n * n * times / wall / 1e9;
    }

    private static (double Wall, double Cpu) Time(Action action)
    {
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        action();
        var wall = watch.Elapsed.TotalSeconds;
        process.Refresh();
        return (wall, (process.TotalProcessorTime - cpu).TotalSeconds);
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    internal static int Argument(string[] args, string name, int fallback) =>
        Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : fallback;
}
