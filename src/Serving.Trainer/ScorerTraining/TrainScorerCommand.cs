using System.CommandLine;
using System.Text.Json.Nodes;
using Serving.Models;
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
        var from = new Option<string?>("--from") { Description = "Folder of the policy or likelihood scorer that a likelihood scorer begins from; without it an encoder is trained from random weights." };
        var part = new Option<PairPart>("--part") { Description = "Which of the training pairs: all, a half, or a quarter of the second half; FirstHalf, ThirdQuarter and FourthQuarter share none." };
        var samples = new Option<string[]>("--samples") { Description = "Answers of policies to training documents (verb \"sample\").", AllowMultipleArgumentsPerToken = true };
        var validationSamples = new Option<string[]>("--validation-samples") { Description = "The same for validation documents.", AllowMultipleArgumentsPerToken = true };
        var hidden = new Option<int>("--hidden") { DefaultValueFactory = _ => 128, Description = "Width of an encoder." };
        var layers = new Option<int>("--layers") { DefaultValueFactory = _ => 2, Description = "Layers of an encoder." };
        var heads = new Option<int>("--heads") { DefaultValueFactory = _ => 2, Description = "Heads of an encoder." };
        var intermediate = new Option<int>("--intermediate") { DefaultValueFactory = _ => 512, Description = "Feed-forward width of an encoder." };
        var masked = new Option<double>("--masked-share") { Description = "Share of the own synopsis's tokens that an encoder also learns to guess." };
        var batch = new Option<int>("--batch-tokens") { DefaultValueFactory = _ => 4096 };
        var groupSize = new Option<int>("--group-size") { DefaultValueFactory = _ => 4, Description = "Synopses per description." };
        var run = new Option<string>("--run") { Required = true, Description = "Folder for checkpoints and the log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var name = new Option<string>("--publish-as") { Required = true, Description = "Name of the version to publish." };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 3000 };
        var rate = new Option<double>("--learning-rate") { DefaultValueFactory = _ => 1e-3 };
        var decoderRate = new Option<double>("--decoder-rate") { DefaultValueFactory = _ => 0.1, Description = "Learning rate of a likelihood scorer's decoder relative to its head's; 0 = frozen." };
        var decay = new Option<double>("--weight-decay") { DefaultValueFactory = _ => 0.05 };
        var dropout = new Option<double>("--dropout") { DefaultValueFactory = _ => 0.1, Description = "Share of hidden values dropped while training." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var device = new Option<TrainingDevice>("--device") { Description = "cpu, or cuda in a build with -p:Accelerator=cuda." };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint of --run." };
        var command = new Command("train-scorer", "Train an entailment or reward model.")
        {
            task, data, validation, tokenizer, from, part, samples, validationSamples,
            hidden, layers, heads, intermediate, masked, batch, groupSize, run, models, name, steps, rate, decoderRate, decay, dropout, seed, device, resume,
        };
        command.SetAction(arguments =>
        {
            var options = new ScorerTrainingOptions
            {
                Task = arguments.GetValue(task),
                Data = arguments.GetRequiredValue(data),
                Validation = arguments.GetRequiredValue(validation),
                Tokenizer = arguments.GetRequiredValue(tokenizer),
                From = arguments.GetValue(from),
                Part = arguments.GetValue(part),
                Samples = arguments.GetValue(samples) ?? [],
                ValidationSamples = arguments.GetValue(validationSamples) ?? [],
                HiddenSize = arguments.GetValue(hidden),
                Layers = arguments.GetValue(layers),
                Heads = arguments.GetValue(heads),
                IntermediateSize = arguments.GetValue(intermediate),
                MaskedShare = arguments.GetValue(masked),
                TokensPerBatch = arguments.GetValue(batch),
                GroupSize = arguments.GetValue(groupSize),
                Run = arguments.GetRequiredValue(run),
                Steps = arguments.GetValue(steps),
                PeakLearningRate = arguments.GetValue(rate),
                DecoderRate = arguments.GetValue(decoderRate),
                WeightDecay = arguments.GetValue(decay),
                Dropout = arguments.GetValue(dropout),
                Seed = arguments.GetValue(seed),
                Device = arguments.GetValue(device),
                Resume = arguments.GetValue(resume),
            };
            var (scorer, figures) = new ScorerLoop(options, TimeProvider.System).Run();
            var store = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System);
            var version = store.Publish(
                arguments.GetRequiredValue(name),
                ModelKind.Scorer,
                folder =>
                {
                    scorer.Write(folder);
                    TokenizerFiles.Copy(options.Tokenizer, folder);
                },
                training: new JsonObject
                {
                    ["verb"] = "train-scorer",
                    ["task"] = options.Task.ToString(),
                    ["device"] = options.Device.ToString(),
                    ["seed"] = options.Seed,
                    ["steps"] = options.Steps,
                    ["from"] = options.From is null ? null : DataChecksum.Of(Path.Combine(options.From, ModelFiles.Weights)),
                    ["part"] = options.Part.ToString(),
                    ["learning_rate"] = options.PeakLearningRate,
                    ["decoder_rate"] = options.DecoderRate,
                    ["weight_decay"] = options.WeightDecay,
                    ["dropout"] = options.Dropout,
                    ["group_size"] = options.GroupSize,
                    ["batch_tokens"] = options.TokensPerBatch,
                    ["data"] = DataChecksum.Of(options.Data),
                },
                figures: new JsonObject(figures.Select(figure => KeyValuePair.Create(figure.Name, (JsonNode?)figure.Value))));
            Console.WriteLine($"published {version.Id}");
        });
        return command;
    }
}
