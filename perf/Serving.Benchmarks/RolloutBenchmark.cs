using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Data;
using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "rollouts": answers for training, drawn by the serving engine as a run draws them, and by the module that is trained: without gradients, without a cache of keys and
/// values, the whole sequence forwards again for every token, the candidates of a prompt as one batch. Both draw the same number of tokens for the same prompts of random
/// ids and never end early. Also what it costs to bring new weights into the engine. Median over rounds in which all take turns.
/// </summary>
internal static class RolloutBenchmark
{
    public static int Run(string[] args)
    {
        var model = new Option<string>("--model") { DefaultValueFactory = _ => "models/student/1", Description = "Policy folder." };
        var prompts = new Option<int>("--prompts") { DefaultValueFactory = _ => 16 };
        var length = new Option<int>("--prompt-tokens") { DefaultValueFactory = _ => 96 };
        var candidates = new Option<int>("--candidates") { DefaultValueFactory = _ => 2, Description = "Answers per prompt; a jbond step draws 2 of the anchor." };
        var tokens = new Option<int>("--tokens") { DefaultValueFactory = _ => 16, Description = "Tokens of an answer." };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new RootCommand { model, prompts, length, candidates, tokens, threads, rounds };
        command.SetAction(arguments => Measure(
            arguments.GetValue(model)!,
            arguments.GetValue(prompts),
            arguments.GetValue(length),
            arguments.GetValue(candidates),
            arguments.GetValue(tokens),
            arguments.GetValue(threads),
            arguments.GetValue(rounds)));
        return command.Parse(args).Invoke();
    }

    private static void Measure(string path, int prompts, int length, int candidates, int tokens, int threads, int rounds)
    {
        set_num_threads(threads);
        var scratch = Directory.CreateTempSubdirectory("rollouts");
        var folder = new ModelStore(Path.GetFullPath(Path.Combine(path, "..", "..")), TimeProvider.System)
            .Find($"{new DirectoryInfo(path).Parent!.Name}@{new DirectoryInfo(path).Name}");
        using var module = PolicyWeights.Load(folder.Path);
        var random = new Random(1);
        (PromptText Prompt, ulong Seed)[] asked =
        [
            .. Enumerable.Range(0, prompts).Select(i => (
                new PromptText("", [.. Enumerable.Range(0, length).Select(_ => random.Next(4, module.Config.VocabularySize))], []), (ulong)i)),
        ];
        var sampling = new SamplingParameters { MaxTokens = tokens, IgnoreEos = true };
        Precision[] precisions = [Precision.Float32, Precision.Int8];
        var engines = precisions.Select(precision => new ScratchPolicy(
            Path.Combine(scratch.FullName, $"{precision}"), folder, "measured", new OnnxOptions { Threads = threads }, new InferenceOptions { Precision = precision, PrefixCacheTokens = 0 })).ToArray();
        try
        {
            var cases = new List<(string Name, Action Run, List<(double Wall, double Cpu)> Times)>
            {
                ("module, no cache", () => SampleByModule(module, asked, candidates, tokens), []),
            };
            for (var e = 0; e < engines.Length; e++)
            {
                var engine = engines[e];
                cases.Add(($"engine, {precisions[e]}", () => Sampling.Draw(engine.Loaded, asked, sampling, candidates, CancellationToken.None), []));
                cases.Add(($"new weights, {precisions[e]}", () => engine.Refresh(module), []));
            }

            foreach (var engine in engines)
            {
                engine.Refresh(module);
            }

            for (var round = -1; round < rounds; round++)                       // the first one warms up
            {
                foreach (var (_, run, times) in cases)
                {
                    var (watch, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
                    run();
                    if (round >= 0)
                    {
                        times.Add((watch.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds));
                    }
                }
            }

            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{folder.Id}, {module.Config.Parameters:N0} parameters: {prompts} prompts of {length} tokens, {candidates} answers of {tokens} tokens each, {threads} threads, {rounds} rounds"));
            Console.WriteLine("| | wall ms | CPU ms | tokens/CPU-s | against the module |");
            Console.WriteLine("| --- | --- | --- | --- | --- |");
            var module1 = StepCost.Middle(cases[0].Times.Select(time => time.Cpu));
            foreach (var (name, _, times) in cases)
            {
                var (wall, cpu) = (StepCost.Middle(times.Select(time => time.Wall)), StepCost.Middle(times.Select(time => time.Cpu)));
                var draws = !name.StartsWith("new", StringComparison.Ordinal);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {name} | {1000 * wall:F0} | {1000 * cpu:F0} | {(draws ? $"{prompts * candidates * tokens / cpu:F0}" : "")} | {(draws ? $"{module1 / cpu:F1} x" : "")} |"));
            }
        }
        finally
        {
            Array.ForEach(engines, engine => engine.Dispose());
            scratch.Delete(recursive: true);
        }
    }

    private static void SampleByModule(PolicyModule module, (PromptText Prompt, ulong Seed)[] prompts, int candidates, int tokens)
    {
        using var quiet = no_grad();
        foreach (var (prompt, _) in prompts)
        {
            using var scope = NewDisposeScope();
            var ids = tensor([.. prompt.Tokens.Select(id => (long)id)], [1, prompt.Tokens.Length]).expand(candidates, -1);
            for (var t = 0; t < tokens; t++)
            {
                var last = module.forward(ids).select(1, -1);                   // only the last position is projected on the vocabulary
                ids = cat([ids, module.Project(last).softmax(-1).multinomial(1)], 1);
            }
        }
    }
}
