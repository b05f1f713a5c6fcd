using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Batch;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// The verb "score" from file to file against the bare session of the same scorer, fed with ready batches: sorted by length over all pairs, full, of the
/// best size. Tokenising, reading and writing count on our side only; loading a model on neither. Half of the bare runs come before ours and half behind,
/// so that a machine that slows down does so for both. With --transformers, transformers.js scores the same file too.
/// </summary>
internal static class BatchBenchmark
{
    private static readonly int[] _sizes = [4, 8, 16, 32, 64];

    public static Task<int> Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var data = new Option<string?>("--data") { Description = "JSON Lines {\"source\", \"answer\"} or {\"document\", \"summary\"}; none = spans of the demo's texts." };
        var count = new Option<int>("--pairs") { DefaultValueFactory = _ => 50_000 };
        var scorer = new Option<string>("--scorer") { Description = "reward, entailment or both.", DefaultValueFactory = _ => "reward" };
        var threads = new Option<int>("--threads") { Description = "Of each session.", DefaultValueFactory = _ => 1 };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => new ScoringOptions().MaxBatch };
        var transformers = new Option<string?>("--transformers") { Description = "Folder of score.mjs, after npm ci; reward only." };
        var command = new RootCommand("Speed of the verb \"score\".") { models, data, count, scorer, threads, batch, transformers };
        command.SetAction((parsed, _) => MeasureAsync(
            new ModelStore(parsed.GetRequiredValue(models), TimeProvider.System),
            parsed.GetValue(data),
            parsed.GetValue(count),
            parsed.GetRequiredValue(scorer) is "both" ? ["reward", "entailment"] : [parsed.GetRequiredValue(scorer)],
            parsed.GetValue(threads),
            parsed.GetValue(batch),
            parsed.GetValue(transformers)));
        return command.Parse(args).InvokeAsync();
    }

    private static async Task MeasureAsync(ModelStore store, string? data, int count, string[] scorers, int threads, int batch, string? transformers)
    {
        using var folder = new TemporaryFolder();
        var input = folder.File("pairs.jsonl");
        BatchPairs.Write(input, data, count);
        var pairs = BatchPairs.Read(data, count).ToArray();
        var session = new OnnxOptions { Threads = threads };
        var best = BestSize(store, scorers, session, pairs[..Math.Min(pairs.Length, 2000)]);
        using var first = new BareScorers(store, scorers, session, pairs[..(pairs.Length / 2)], best);
        using var second = new BareScorers(store, scorers, session, pairs[(pairs.Length / 2)..], best);
        using var host = BatchHost.Open(Settings(store, scorers, threads, batch));
        var output = folder.File("scores.jsonl");
        var plan = ScorePlan.Of(new ScoreSettings(input, output), host);

        var before = await TimeAsync(() => Task.Run(first.Run));
        var (ours, ourCpu) = await TimeAsync(() => ScoreRun.RunAsync(plan, ScoreCommand.Window(batch), null, CancellationToken.None));
        var after = await TimeAsync(() => Task.Run(second.Run));
        var (bare, bareCpu) = (before.Wall + after.Wall, before.Cpu + after.Cpu);

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{string.Join(" and ", scorers)}: {count} pairs, {first.MeanLength:f0} tokens a row, {threads} thread(s) a session"));
        Console.WriteLine("| variant | pairs/s | of bare | pairs/CPU-s | of bare |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        Row($"bare session, sorted full batches of {best} (best of {string.Join(", ", _sizes)})", count / bare, 1, $"{count / bareCpu:f0} | 1");
        Row($"score, file to file, batches up to {batch}", count / ours, bare / ours, $"{count / ourCpu:f0} | {bareCpu / ourCpu:f3}");
        if (transformers is not null)
        {
            foreach (var (name, more) in ((string Name, string[] More)[])[("in the order of the file", []), ("sorted by length beforehand", ["--sort"])])
            {
                var (speed, difference) = await TransformersJs.RunAsync(transformers, store.Find("reward").Path, input, output, threads, best, more);
                Row($"transformers.js, batches of {best}, {name}; largest difference of a logit {difference:e1}", speed, speed * bare / count, "- | -");
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"score / transformers.js = {count / ours / speed:f2}"));
            }
        }
    }

    private static int BestSize(ModelStore store, string[] scorers, OnnxOptions session, (string Source, string Answer)[] pairs) => _sizes.MinBy(size =>
    {
        using var bare = new BareScorers(store, scorers, session, pairs, size);
        bare.Run();        // warms
        return TimeAsync(() => Task.Run(bare.Run)).GetAwaiter().GetResult().Cpu;        // a busy machine must not choose
    });

    private static Dictionary<string, string?> Settings(ModelStore store, string[] scorers, int threads, int batch)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Models:Root"] = store.Root,
            ["Scoring:Scorecard"] = "measured",
            ["Scoring:Threads"] = threads.ToString(CultureInfo.InvariantCulture),
            ["Scoring:MaxBatch"] = batch.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var scorer in scorers)
        {
            settings[$"Scoring:Scorecards:measured:{scorer}:Weight"] = "1";
        }

        return settings;
    }

    private static async Task<(double Wall, double Cpu)> TimeAsync(Func<Task> run)
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var begun = Stopwatch.GetTimestamp();
        await run();
        return (Stopwatch.GetElapsedTime(begun).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    private static void Row(string name, double speed, double share, string cpu) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {speed:f0} | {share:f3} | {cpu} |"));
}
