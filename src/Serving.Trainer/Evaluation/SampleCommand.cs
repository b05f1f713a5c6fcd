using System.CommandLine;
using System.Text.Json;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Evaluation;

/// <summary>Verb "sample": answers of a policy to the documents of a task file, through the serving engine; input of "train-scorer".</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var policy = new Option<string>("--policy") { Required = true, Description = "Name or name@version." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var data = new Option<string>("--data") { Required = true, Description = "Task pairs (JSON Lines)." };
        var output = new Option<string>("--out") { Required = true, Description = "JSON Lines {\"id\", \"samples\"}." };
        var count = new Option<int>("--samples") { DefaultValueFactory = _ => 2, Description = "Answers per document." };
        var most = new Option<int>("--documents") { DefaultValueFactory = _ => int.MaxValue, Description = "Documents to answer, spread evenly over the file." };
        var temperature = new Option<float>("--temperature") { DefaultValueFactory = _ => 0.8f };
        var topP = new Option<float>("--top-p") { DefaultValueFactory = _ => 0.95f };
        var seed = new Option<ulong>("--seed") { DefaultValueFactory = _ => 1UL };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 0, Description = "0 = every core." };
        var command = new Command("sample", "Sample answers of a policy to task documents.")
        {
            policy, models, data, output, count, most, temperature, topP, seed, threads,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var folder = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System).Find(arguments.GetRequiredValue(policy));
            using var loaded = LoadedPolicy.Load(folder, new OnnxOptions { Threads = arguments.GetValue(threads) }, new InferenceOptions());
            var sampling = new SamplingParameters
            {
                Temperature = arguments.GetValue(temperature),
                TopP = arguments.GetValue(topP),
                MaxTokens = TaskTokens.SummaryTokens,
                Seed = arguments.GetValue(seed),
            };
            var examples = DocumentAnswers.Spread(TaskExample.Read(arguments.GetRequiredValue(data)), arguments.GetValue(most));
            await using (var file = new StreamWriter(arguments.GetRequiredValue(output)))
            {
                await new DocumentAnswers(loaded, sampling, TimeProvider.System).ForEachAsync(
                    examples,
                    arguments.GetValue(count),
                    (example, answers) => file.WriteLineAsync(JsonSerializer.Serialize(new { id = example.Id, samples = answers.Select(answer => answer.Text) })),
                    "documents",
                    cancellationToken);
            }

            Console.WriteLine($"{examples.Count} documents answered by {folder.Id}");
        });
        return command;
    }
}
