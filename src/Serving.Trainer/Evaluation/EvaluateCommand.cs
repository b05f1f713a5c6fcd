using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Trainer.Pretraining;
using Serving.Trainer.Terminal;
using Spectre.Console;

namespace Serving.Trainer.Evaluation;

/// <summary>Verb "evaluate": how good a policy's answers are beside the baselines, over documents with a human synopsis.</summary>
internal static class EvaluateCommand
{
    private const int WidthInFiles = 1000;

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var policy = new Option<string>("--policy") { Required = true, Description = "Name or name@version." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var data = new Option<string>("--data") { Required = true, Description = "Task pairs (JSON Lines)." };
        var most = new Option<int>("--documents") { DefaultValueFactory = _ => int.MaxValue, Description = "Documents to answer, spread evenly over the file." };
        var entailment = new Option<string?>("--entailment") { Description = "Entailment model of the scorecard." };
        var reward = new Option<string?>("--reward") { Description = "Reward model of the scorecard." };
        var judge = new Option<string?>("--judge") { Description = "Entailment model that only watches." };
        var weights = new Option<string[]>("--weight")
        {
            Description = "Another weight in the scorecard, as in --weight reward=0.3 (repeatable).",
            DefaultValueFactory = _ => [],
        };
        var samples = new Option<int>("--samples") { DefaultValueFactory = _ => 16, Description = "Answers per document; 64 for Best-of-64." };
        var temperature = new Option<float>("--temperature") { DefaultValueFactory = _ => 0.7f };
        var topP = new Option<float>("--top-p") { DefaultValueFactory = _ => 0.95f };
        var seed = new Option<ulong>("--seed") { DefaultValueFactory = _ => 1UL };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 0, Description = "0 = every core." };
        var output = new Option<string?>("--out") { Description = "File for all figures as JSON." };
        var print = new Option<int>("--print") { Description = "Random documents to print with their answers, as Markdown." };
        var command = new Command("evaluate", "Measure a policy: ROUGE, entailment, copying, length and style of greedy, sampled and Best-of-N answers.")
        {
            policy, models, data, most, entailment, reward, judge, weights, samples, temperature, topP, seed, threads, output, print,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var count = arguments.GetValue(samples);
            ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, "--samples");
            ArgumentOutOfRangeException.ThrowIfLessThan(arguments.GetValue(most), 1, "--documents");
            var file = arguments.GetRequiredValue(data);
            var examples = DocumentAnswers.Spread(TaskExample.Read(file), arguments.GetValue(most));
            var store = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System);
            using var loaded = LoadedPolicy.Load(
                store.Find(arguments.GetRequiredValue(policy)), new OnnxOptions { Threads = arguments.GetValue(threads) }, new InferenceOptions());
            using var scorers = new AnswerScorers(
                store, arguments.GetValue(entailment), arguments.GetValue(reward), arguments.GetValue(judge), Weights(arguments.GetValue(weights)!), arguments.GetValue(threads));
            var sampling = new SamplingParameters
            {
                Temperature = arguments.GetValue(temperature),
                TopP = arguments.GetValue(topP),
                MaxTokens = TaskTokens.SummaryTokens,
                Seed = arguments.GetValue(seed),
            };
            var documents = examples.Count > 0
                ? await new PolicyEvaluation(loaded, scorers, sampling, count, TimeProvider.System).RunAsync(examples, cancellationToken)
                : throw new InvalidDataException($"{file} has no examples.");
            var report = new EvaluationReport(documents);
            Console.WriteLine($"{loaded.Id} on {documents.Count} documents, T {sampling.Temperature}, top-p {sampling.TopP}, scorecard {scorers.Scorecard ?? "none"}");
            Show(report);
            Console.Write(AnswerExamples.Markdown(documents, arguments.GetValue(print), (int)arguments.GetValue(seed)));
            if (arguments.GetValue(output) is { } path)
            {
                var json = new JsonObject
                {
                    ["policy"] = loaded.Id,
                    ["policy_digest"] = loaded.Folder.Manifest.Digest,
                    ["data"] = DataChecksum.Of(file),
                    ["documents"] = documents.Count,
                    ["samples"] = count,
                    ["temperature"] = sampling.Temperature,
                    ["top_p"] = sampling.TopP,
                    ["seed"] = sampling.Seed,
                    ["scorecard"] = scorers.Scorecard,
                    ["entailment"] = arguments.GetValue(entailment),
                    ["reward"] = arguments.GetValue(reward),
                    ["judge"] = arguments.GetValue(judge),
                    ["answers"] = report.ToJson(),
                };
                await File.WriteAllTextAsync(path, json.ToJsonString(_indented), cancellationToken);
            }
        });
        return command;
    }

    private static Dictionary<string, double> Weights(string[] pairs)
    {
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        var known = Scorecard.BuiltInEntries.Select(entry => entry.Scorer).ToArray();
        foreach (var pair in pairs)
        {
            weights[pair.Split('=')[0]] = pair.Split('=') is [var name, var text]
                && known.Contains(name, StringComparer.Ordinal)
                && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight)
                && double.IsFinite(weight)
                ? weight
                : throw new ArgumentException($"--weight {pair}: write NAME=NUMBER with one of {string.Join(", ", known)}.", nameof(pairs));
        }

        return weights;
    }

    private static void Show(EvaluationReport report)
    {
        if (!ProgressBar.OnTerminal)
        {
            AnsiConsole.Profile.Width = WidthInFiles;
        }

        report.Show(AnsiConsole.Console, ProgressBar.OnTerminal);
    }
}
