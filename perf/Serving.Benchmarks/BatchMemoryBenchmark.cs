using System.CommandLine;
using System.Globalization;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Resident memory of the verb "score" over files of several sizes, with the default scorecard.</summary>
internal static class BatchMemoryBenchmark
{
    public static Task<int> Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var data = new Option<string?>("--data");
        var counts = new Option<int[]>("--pairs") { DefaultValueFactory = _ => [5_000, 50_000, 500_000], AllowMultipleArgumentsPerToken = true };
        var command = new RootCommand("Memory of the verb \"score\".") { models, data, counts };
        command.SetAction(async (parsed, _) =>
        {
            Console.WriteLine("| pairs | pairs/s, start of the program included | peak resident MiB |");
            Console.WriteLine("| --- | --- | --- |");
            foreach (var count in parsed.GetRequiredValue(counts))
            {
                using var folder = new TemporaryFolder();
                BatchPairs.Write(folder.File("pairs.jsonl"), parsed.GetValue(data), count);
                var (seconds, peak) = await ScoreProcess.RunAsync(parsed.GetRequiredValue(models), folder.File("pairs.jsonl"), folder.File("scores.jsonl"));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {count} | {count / seconds:f0} | {peak:f0} |"));
            }
        });
        return command.Parse(args).InvokeAsync();
    }
}
