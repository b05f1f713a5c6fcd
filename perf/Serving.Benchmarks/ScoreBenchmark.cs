using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Pairs per second through the scorers as they serve, against the bare session of the same model fed with ready batches: sorted by length, full,
/// padded to the longest in the batch. All variants take turns in each round and the figures are medians, so that a busy moment does not fall on
/// one of them; on a shared machine compare those per CPU-second.
/// </summary>
internal static class ScoreBenchmark
{
    /// <summary>What train-scorer makes by default.</summary>
    private static readonly EncoderConfig _shape = TinyScorer.Config(TinyScorer.RewardLabels, maxPositions: 256) with
    {
        VocabularySize = 4096,
        HiddenSize = 128,
        IntermediateSize = 512,
    };

    public static int Run(string[] args)
    {
        var models = new Option<string?>("--models") { Description = "Registry root with \"reward\" and \"entailment\"; none = random weights." };
        var data = new Option<string?>("--data") { Description = "JSON Lines {\"document\", \"summary\"}; none = made-up words." };
        var count = new Option<int>("--pairs") { DefaultValueFactory = _ => 1024 };
        var answers = new Option<int>("--answers") { Description = "Answers per source, as in Best-of-N.", DefaultValueFactory = _ => 1 };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => new ScoringOptions().MaxBatch };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new RootCommand("Speed of the scorers.") { models, data, count, answers, batch, threads, rounds };
        command.SetAction(async (parsed, _) =>
        {
            using var random = new TemporaryFolder();
            var pairs = Pairs(parsed.GetValue(data), parsed.GetValue(count), parsed.GetValue(answers));
            var store = new ModelStore(parsed.GetValue(models) ?? random.Path, TimeProvider.System);
            if (parsed.GetValue(models) is null)
            {
                TinyScorer.Publish(store, "reward", _shape, seed: 1, pairs.Select(pair => pair.Source));
                TinyScorer.Publish(store, "entailment", _shape with { Labels = TinyScorer.EntailmentLabels }, seed: 2, pairs.Select(pair => pair.Source));
            }

            var options = new ScoringOptions { Threads = parsed.GetValue(threads), MaxBatch = parsed.GetValue(batch) };
            await MeasureAsync(store, options, pairs, parsed.GetValue(rounds));
        });
        return command.Parse(args).Invoke();
    }

    private static async Task MeasureAsync(ModelStore store, ScoringOptions options, (string Source, string Answer)[] pairs, int rounds)
    {
        var session = new OnnxOptions { Threads = options.Threads };
        var folder = store.Find("reward");
        using var model = ScorerModel.Load(folder, session, options.MaxBatch);
        using var bare = new BareSession(folder, session, [.. pairs.Select(pair => model.Encoder.Encode(pair.Source, pair.Answer))], options.MaxBatch);
        using var reward = new RewardModel("reward", ScorerModel.Load(folder, session, options.MaxBatch), options.MaxBatch, options.QueueCapacity);
        using var scorecards = new Scorecards(Options.Create(options), Options.Create(new OnnxOptions()), store);
        scorecards.Load();
        var scorer = scorecards.Default;
        (string Name, Func<Task> Run)[] variants =
        [
            ("bare session, ready batches", () => Task.Run(bare.Run)),
            ("packing alone (tokenizer)", () => Task.Run(() => Array.ForEach(pairs, pair => model.Encoder.Encode(pair.Source, pair.Answer)))),
            ("RewardModel (packing, queue, session)", () => Task.WhenAll(pairs.Select(pair => reward.ScoreAsync(pair.Source, pair.Answer, CancellationToken.None)))),
            ("CandidateScorer (reward, entailment, style)", () => Task.WhenAll(pairs.Select(pair => scorer.ScoreAsync(pair.Source, pair.Answer, CancellationToken.None)))),
        ];
        var usage = variants.ToDictionary(variant => variant.Name, _ => new List<(double Wall, double Cpu)>());
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (name, run) in variants)
            {
                var cpu = Environment.CpuUsage.TotalTime;
                var start = Stopwatch.GetTimestamp();
                await run();
                if (round >= 0)        // the first round warms
                {
                    usage[name].Add((Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds));
                }
            }
        }

        Console.WriteLine(
            $"{folder.Id}: {model.Config.Packing} rows; {pairs.Length} pairs of {bare.MeanLength:f0} tokens on average, "
            + $"batches up to {options.MaxBatch}, {options.Threads} thread(s) per model, median of {rounds} rounds");
        Console.WriteLine("| variant | pairs/s | pairs/CPU-s |");
        Console.WriteLine("| --- | --- | --- |");
        foreach (var (name, _) in variants)
        {
            var runs = usage[name];
            Console.WriteLine($"| {name} | {pairs.Length / Middle(runs.Select(run => run.Wall)):f0} | {pairs.Length / Middle(runs.Select(run => run.Cpu)):f0} |");
        }
    }

    private static double Middle(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private static (string Source, string Answer)[] Pairs(string? path, int count, int answers)
    {
        var random = new Random(1);
        var texts = path is null
            ? [.. Enumerable.Range(0, count).Select(_ => (Words(random, 20, 100), Words(random, 4, 9)))]
            : File.ReadLines(path).Take(count).Select(line => JsonDocument.Parse(line).RootElement)
                .Select(line => (line.GetProperty("document").GetString()!, line.GetProperty("summary").GetString()!)).ToArray();
        return [.. Enumerable.Range(0, count).Select(i => (texts[i / answers % texts.Length].Item1, texts[i % texts.Length].Item2))];
    }

    private static string Words(Random random, int least, int most)
    {
        string[] words = ["package", "archives", "library", "command", "line", "compressed", "address", "books", "format", "bindings", "strategy", "plots"];
        return string.Join(' ', Enumerable.Range(0, random.Next(least, most)).Select(_ => words[random.Next(words.Length)]));
    }
}
