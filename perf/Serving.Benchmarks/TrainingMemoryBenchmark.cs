using System.Globalization;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "memory": resident megabytes and live tensors while a policy trains (forward, backward, clipping, AdamW) on batches of changing length, the
/// allocation pattern of real runs. The shape is that of the shipped anchor unless told otherwise.
/// </summary>
internal static class TrainingMemoryBenchmark
{
    public static int Run(string[] args)
    {
        var steps = TrainingBenchmark.Argument(args, "--steps", 200);
        var rows = TrainingBenchmark.Argument(args, "--rows", 16);
        var longest = TrainingBenchmark.Argument(args, "--length", 128);
        var microBatches = TrainingBenchmark.Argument(args, "--micro-batches", 1);
        set_num_threads(TrainingBenchmark.Argument(args, "--threads", 1));
        using var policy = new PolicyModule(TrainingBenchmark.Shape(args), seed: 1) { GradientCheckpointing = args.Contains("--gradient-checkpointing") };
        using var optimizer = optim.AdamW(policy.parameters(), 1e-3);
        var random = new Random(1);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{policy.Config.Parameters:N0} parameters, batches of {rows} x {longest / 2} to {longest}, {microBatches} micro-batches"));
        Console.WriteLine("| step | resident MB | live tensors | CPU-s |");
        Console.WriteLine("| --- | --- | --- | --- |");
        for (var step = 0; step <= steps; step++)
        {
            if (step % Math.Max(1, steps / 10) == 0)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {step} | {Environment.WorkingSet / 1e6:F0} | {Tensor.TotalCount} | {Environment.CpuUsage.TotalTime.TotalSeconds:F0} |"));
            }

            using var scope = NewDisposeScope();
            var ids = randint(4, policy.Config.VocabularySize, [rows, random.Next(longest / 2, longest + 1)], ScalarType.Int64);
            TrainingBenchmark.Step(policy, optimizer, ids, microBatches);
        }

        return 0;
    }
}
