using System.Globalization;
using Serving.Trainer.Loop;

namespace Serving.Benchmarks.Replay;

/// <summary>
/// Verb "replay-age": a small policy learns over many versions, each from answers that the version some versions before it drew (the first one while there is none so
/// old), with every correction, with priorities and without. Prints the reward of the last version; mean and standard error over seeds.
/// </summary>
internal static class ReplayAgeBenchmark
{
    private static readonly int[] _ages = [1, 4, 16];

    private static readonly (string Name, Action<TrainerOptions> Set)[] _variants =
    [
        ("none", options => options.OffPolicy.Correction = "none"),
        ("truncated", options => options.OffPolicy.Correction = "truncated"),
        ("truncated, no sequence mask", options => (options.OffPolicy.Correction, options.OffPolicy.SequenceMask) = ("truncated", false)),
        ("v-trace", options => options.OffPolicy.Correction = "v-trace"),
        ("v-trace, value head", options => (options.OffPolicy.Correction, options.OffPolicy.ValueHead) = ("v-trace", true)),
        ("v-trace, priorities", options => (options.OffPolicy.Correction, options.Replay.Priorities) = ("v-trace", true)),
    ];

    public static int Run(string[] args)
    {
        var seeds = TrainingBenchmark.Argument(args, "--seeds", 3);
        var versions = TrainingBenchmark.Argument(args, "--versions", 20);
        var only = args.SkipWhile(word => word != "--only").Skip(1).FirstOrDefault();        // a variant's name
        var learner = new VersionChain(versions, TrainingBenchmark.Argument(args, "--steps", 6), TrainingBenchmark.Argument(args, "--rate", 1000) * 1e-6);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{versions} versions, {seeds} seeds; the first version: {learner.Reward(0, 0, _ => { }, seed: 1):F2}"));
        Console.WriteLine($"| correction | on policy | {string.Join(" | ", _ages.Select(age => $"{age} versions old"))} |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var (name, set) in _variants.Where(variant => only is null || variant.Name == only))
        {
            var cells = _ages.Prepend(0).Select(age =>
            {
                var rewards = Enumerable.Range(1, seeds).Select(seed => learner.Reward(versions, age, set, (ulong)seed)).ToArray();
                var mean = rewards.Average();
                var error = Math.Sqrt(rewards.Sum(reward => (reward - mean) * (reward - mean)) / Math.Max(1, seeds - 1) / seeds);
                return string.Create(CultureInfo.InvariantCulture, $"{mean:F2} +- {error:F2}");
            });
            Console.WriteLine($"| {name} | {string.Join(" | ", cells)} |");
        }

        return 0;
    }
}
