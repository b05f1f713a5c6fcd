using System.Diagnostics;
using System.Globalization;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Benchmarks;

/// <summary>Verb "canary ROOT NEW OLD ...": what the canary makes of version NEW where OLD is in use, for pairs of ids; without a bound.</summary>
internal static class CanaryBenchmark
{
    public static int Run(string[] args)
    {
        if (args.Length < 3 || args.Length % 2 == 0)
        {
            Console.Error.WriteLine("Usage: canary ROOT NEW OLD [NEW OLD ...], as in canary models student@2 student@1.");
            return 1;
        }

        var store = new ModelStore(args[0], TimeProvider.System);
        Console.WriteLine("| new | in use | nats an answer | ms |");
        Console.WriteLine("| --- | --- | --- | --- |");
        for (var i = 1; i < args.Length; i += 2)
        {
            using var next = Load(store, args[i]);
            using var old = Load(store, args[i + 1]);
            var watch = Stopwatch.StartNew();
            string told;
            try
            {
                told = new Canary(double.MaxValue).Try(next, old, CancellationToken.None)!.Value.ToString("F2", CultureInfo.InvariantCulture);
            }
            catch (ModelException e)
            {
                told = e.Message;
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {next.Id} | {old.Id} | {told} | {watch.Elapsed.TotalMilliseconds:F0} |"));
        }

        return 0;
    }

    private static LoadedPolicy Load(ModelStore store, string id) =>
        LoadedPolicy.Load(store.Find(id), new OnnxOptions { Threads = 1 }, new InferenceOptions { Precision = Precision.Int8 });
}
