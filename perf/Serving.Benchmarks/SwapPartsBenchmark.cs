using System.Diagnostics;
using System.Globalization;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Benchmarks;

/// <summary>Verb "swap-parts": what stands between a published folder and its first answer: verify every digest, load and warm, commit. Medians.</summary>
internal static class SwapPartsBenchmark
{
    private const int Rounds = 15;

    public static int Run(string[] args)
    {
        var models = Array.IndexOf(args, "--models") is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : "models";
        var store = new ModelStore(models, TimeProvider.System);
        Console.WriteLine("| policy | weights MB | verify ms | load and warm ms | commit us | all ms |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var folder in store.Names().Select(store.Latest).Where(folder => folder!.Manifest.Kind == ModelKind.Policy))
        {
            var (verify, load, commit) = (new double[Rounds], new double[Rounds], new double[Rounds]);
            using var current = new Swappable<LoadedPolicy>();
            for (var round = 0; round < Rounds; round++)
            {
                var watch = Stopwatch.StartNew();
                ModelStore.Verify(folder!);
                verify[round] = watch.Elapsed.TotalMilliseconds;
                watch.Restart();
                var next = LoadedPolicy.Load(folder!, new OnnxOptions(), new InferenceOptions());
                load[round] = watch.Elapsed.TotalMilliseconds;
                watch.Restart();
                current.Commit(next);
                commit[round] = watch.Elapsed.TotalMicroseconds;
            }

            var size = new FileInfo(folder!.File(ModelFiles.Weights)).Length / 1e6;
            var all = verify.Zip(load, (v, l) => v + l).ToArray();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {folder.Id} | {size:F1} | {Median(verify):F1} | {Median(load):F1} | {Median(commit):F0} | {Median(all):F1} |"));
        }

        return 0;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
