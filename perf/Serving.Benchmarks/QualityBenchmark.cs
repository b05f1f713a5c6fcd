using System.Globalization;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Pretraining;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "quality": one sample against Best-of-4 and Best-of-16 of the same candidates on validation prompts: scorecard, each scorer, share of
/// entailed answers (probability above one half), ROUGE, and the paired difference to one sample with its 95 % bootstrap interval.
/// </summary>
internal static class QualityBenchmark
{
    private const int Candidates = 16;
    private const int PromptsInFlight = 4;

    public static async Task<int> Run(string[] args)
    {
        var models = Argument(args, "--models", "models");
        var data = Argument(args, "--data", "../shared/data/debian-synopsis/validation.jsonl");
        var prompts = int.Parse(Argument(args, "--prompts", "300"), CultureInfo.InvariantCulture);
        var temperature = float.Parse(Argument(args, "--temperature", "0.7"), CultureInfo.InvariantCulture);
        var policy = Argument(args, "--policy", "anchor");
        var shown = int.Parse(Argument(args, "--show", "0"), CultureInfo.InvariantCulture);
        var store = new ModelStore(models, TimeProvider.System);
        using var loaded = LoadedPolicy.Load(store.Find(policy), new OnnxOptions(), new InferenceOptions());
        using var scorer = new CandidateScorer(
            Microsoft.Extensions.Options.Options.Create(new ScoringOptions()), Microsoft.Extensions.Options.Options.Create(new OnnxOptions()), store);
        scorer.Load();
        var task = new TaskTokens(loaded.Tokenizer);
        var all = TaskExample.Read(data);
        var examples = Enumerable.Range(0, prompts).Select(i => all[(int)((long)i * all.Count / prompts)]).ToArray();
        var rows = new List<Row>();
        foreach (var some in examples.Chunk(PromptsInFlight))
        {
            rows.AddRange(await Task.WhenAll(some.Select(example => Answer(loaded, scorer, task, example, temperature))));
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{loaded.Id}, {rows.Count} validation prompts, T {temperature}, top-p 0.95, scorecard {scorer.Scorecard}"));
        Console.WriteLine("| answer | " + string.Join(" | ", rows[0].One.Keys) + " |");
        Console.WriteLine("| --- |" + string.Concat(rows[0].One.Keys.Select(_ => " --- |")));
        Print("one sample", rows, row => row.One);
        Print("Best-of-4", rows, row => row.Best4);
        Print("Best-of-16", rows, row => row.Best16);
        Print("Best-of-16 minus one sample", rows, row => row.One.ToDictionary(pair => pair.Key, pair => row.Best16[pair.Key] - pair.Value));
        Print("oracle of 16 by ROUGE-L", rows, row => row.Oracle);
        foreach (var row in rows.Take(shown))
        {
            Console.WriteLine($"- human: {row.Human}\n  one: {row.OneText}\n  best: {row.BestText}");
        }

        return 0;
    }

    private static async Task<Row> Answer(LoadedPolicy policy, CandidateScorer scorer, TaskTokens task, TaskExample example, float temperature)
    {
        var sampling = new SamplingParameters { Temperature = temperature, TopP = 0.95f, MaxTokens = TaskTokens.SummaryTokens, Seed = 17 };
        var candidates = await policy.Engine.SampleAsync(new SampleRequest(task.Prompt(example.Document), sampling, Candidates), null, CancellationToken.None);
        var scores = await Task.WhenAll(candidates.Select(candidate => scorer.ScoreAsync(example.Document, candidate.Text, CancellationToken.None)));
        var figures = candidates.Select((candidate, i) => Figures(candidate.Text, scores[i], example.Summary)).ToArray();
        int Best(int n) => Enumerable.Range(0, n).MaxBy(i => scores[i].Total);
        var oracle = figures.MaxBy(figure => figure["rouge-l"])!;
        return new Row(figures[0], figures[Best(4)], figures[Best(16)], oracle, example.Summary, candidates[0].Text, candidates[Best(16)].Text);
    }

    private static Dictionary<string, double> Figures(string answer, Score score, string reference)
    {
        var figures = new Dictionary<string, double> { ["total"] = score.Total };
        foreach (var (name, value) in score.Values)
        {
            figures[name] = value;
        }

        figures["entailed"] = figures.TryGetValue("entailment", out var logProb) && logProb > Math.Log(0.5) ? 1 : 0;
        figures["rouge-1"] = 100 * Rouge.N(answer, reference, 1);
        figures["rouge-2"] = 100 * Rouge.N(answer, reference, 2);
        figures["rouge-l"] = 100 * Rouge.L(answer, reference);
        return figures;
    }

    private static void Print(string name, List<Row> rows, Func<Row, Dictionary<string, double>> of)
    {
        var figures = rows.Select(of).ToArray();
        Console.WriteLine($"| {name} | " + string.Join(" | ", figures[0].Keys.Select(key => BootstrapInterval.Of([.. figures.Select(figure => figure[key])]))) + " |");
    }

    private static string Argument(string[] args, string name, string fallback) =>
        Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : fallback;

    private sealed record Row(
        Dictionary<string, double> One,
        Dictionary<string, double> Best4,
        Dictionary<string, double> Best16,
        Dictionary<string, double> Oracle,
        string Human,
        string OneText,
        string BestText);
}
