using System.CommandLine;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Trainer.Encoder;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Verb "train-scorer": trains an entailment or reward model and publishes it as a version.</summary>
internal static class TrainScorerCommand
{
    public static Command Create()
    {
        var task = new Option<ScorerTask>("--task") { Required = true, Description = "entailment or reward." };
        var data = new Option<string>("--data") { Required = true, Description = "Training pairs (JSON Lines)." };
        var validation = new Option<string>("--validation") { Required = true, Description = "Validation pairs (JSON Lines)." };
        var tokenizer = new Option<string>("--tokenizer") { Required = true, Description = "Folder with tokenizer.json." };
        var samples = new Option<string?>("--samples") { Description = "Answers of a policy to training documents, as negatives." };
        var validationSamples = new Option<string?>("--validation-samples") { Description = "Answers of a policy to validation documents." };
        var run = new Option<string>("--run") { Required = true, Description = "Folder for checkpoints and the log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var name = new Option<string>("--publish-as") { Required = true, Description = "Name of the version to publish." };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 3000 };
        var rate = new Option<double>("--learning-rate") { DefaultValueFactory = _ => 1e-3 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint of --run." };
        var command = new Command("train-scorer", "Train an entailment or reward model from random weights.")
        {
            task, data, validation, tokenizer, samples, validationSamples, run, models, name, steps, rate, seed, resume,
        };
        command.SetAction(arguments =>
        {
            var options = new ScorerTrainingOptions
            {
                Task = arguments.GetValue(task),
                Data = arguments.GetRequiredValue(data),
                Validation = arguments.GetRequiredValue(validation),
                Tokenizer = arguments.GetRequiredValue(tokenizer),
                Samples = arguments.GetValue(samples),
                ValidationSamples = arguments.GetValue(validationSamples),
                Run = arguments.GetRequiredValue(run),
                Steps = arguments.GetValue(steps),
                PeakLearningRate = arguments.GetValue(rate),
                Seed = arguments.GetValue(seed),
                Resume = arguments.GetValue(resume),
            };
            var (scorer, figures) = new ScorerLoop(options, TimeProvider.System).Run();
            var store = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System);
            var version = store.Publish(
                arguments.GetRequiredValue(name),
                ModelKind.Scorer,
                folder =>
                {
                    EncoderWeights.Write(scorer, folder);
                    TokenizerFiles.Copy(options.Tokenizer, folder);
                },
                training: new JsonObject
                {
                    ["verb"] = "train-scorer",
                    ["task"] = options.Task.ToString(),
                    ["seed"] = options.Seed,
                    ["steps"] = options.Steps,
                    ["learning_rate"] = options.PeakLearningRate,
                    ["data"] = DataChecksum.Of(options.Data),
                },
                figures: new JsonObject(figures.Select(figure => KeyValuePair.Create(figure.Name, (JsonNode?)figure.Value))));
            Console.WriteLine($"published {version.Id}");
        });
        return command;
    }
}
