using System.CommandLine;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Pretraining;

/// <summary>Verb "pretrain": trains a policy and publishes it as a version.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var data = new Option<string>("--data") { Required = true, Description = "Training pairs (JSON Lines)." };
        var validation = new Option<string>("--validation") { Required = true, Description = "Validation pairs (JSON Lines)." };
        var descriptions = new Option<string?>("--descriptions") { Description = "Documents without summaries (JSON Lines), for language modelling beside the pairs." };
        var tokenizer = new Option<string>("--tokenizer") { Required = true, Description = "Folder with tokenizer.json." };
        var run = new Option<string>("--run") { Required = true, Description = "Folder for checkpoints and the log." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry root." };
        var name = new Option<string>("--publish-as") { Required = true, Description = "Name of the version to publish." };
        var from = new Option<string?>("--from") { Description = "Folder of a trained policy to begin from, instead of random weights." };
        var keep = new Option<int[]>("--keep-layers") { Description = "Layers of --from that are kept (all).", AllowMultipleArgumentsPerToken = true };
        var part = new Option<PairPart>("--part") { Description = "Which of the training pairs: all, a half, or a quarter of the second half; FirstHalf, ThirdQuarter and FourthQuarter share none." };
        var hidden = new Option<int>("--hidden") { DefaultValueFactory = _ => 256 };
        var layers = new Option<int>("--layers") { DefaultValueFactory = _ => 4 };
        var heads = new Option<int>("--heads") { DefaultValueFactory = _ => 4 };
        var keyValueHeads = new Option<int>("--kv-heads") { DefaultValueFactory = _ => 2 };
        var intermediate = new Option<int>("--intermediate") { DefaultValueFactory = _ => 688 };
        var family = new Option<ModelFamily>("--family") { DefaultValueFactory = _ => ModelFamily.Qwen3, Description = "Kind of decoder." };
        var optimizer = new Option<PolicyOptimization>("--optimizer") { Description = "muon or adamw." };
        var bfloat16 = new Option<bool>("--bfloat16") { Description = "Products in bfloat16: for processors that multiply in it (AVX512-BF16, AMX)." };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2900 };
        var batch = new Option<int>("--batch-tokens") { DefaultValueFactory = _ => 4096 };
        var micro = new Option<int>("--micro-batches") { DefaultValueFactory = _ => 1, Description = "Parts that a batch is computed in, one after the other: less memory, the same gradient." };
        var rate = new Option<double>("--learning-rate") { DefaultValueFactory = _ => 2e-3 };
        var decay = new Option<double>("--weight-decay") { DefaultValueFactory = _ => 0.05 };
        var dropout = new Option<double>("--dropout") { Description = "Share of hidden values dropped while training: 0.1 for more than about four passes over the data." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var copy = new Option<bool>("--copy-exercises") { DefaultValueFactory = _ => true, Description = "Practise copying." };
        var checkpointEvery = new Option<int>("--checkpoint-every") { DefaultValueFactory = _ => 200, Description = "Steps between checkpoints." };
        var device = new Option<TrainingDevice>("--device") { Description = "cpu, or cuda in a build with -p:Accelerator=cuda." };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint of --run." };
        var command = new Command("pretrain", "Train a policy from random weights: language modelling, the task and copy exercises.")
        {
            data, validation, descriptions, tokenizer, run, models, name, from, keep, part, hidden, layers, heads, keyValueHeads, intermediate,
            family, optimizer, bfloat16, steps, batch, micro, rate, decay, dropout, seed, copy, checkpointEvery, device, resume,
        };
        command.SetAction(arguments =>
        {
            var options = new PretrainOptions
            {
                Data = arguments.GetRequiredValue(data),
                Validation = arguments.GetRequiredValue(validation),
                Descriptions = arguments.GetValue(descriptions),
                Tokenizer = arguments.GetRequiredValue(tokenizer),
                Run = arguments.GetRequiredValue(run),
                From = arguments.GetValue(from),
                KeepLayers = arguments.GetValue(keep) ?? [],
                Part = arguments.GetValue(part),
                HiddenSize = arguments.GetValue(hidden),
                Layers = arguments.GetValue(layers),
                Heads = arguments.GetValue(heads),
                KeyValueHeads = arguments.GetValue(keyValueHeads),
                IntermediateSize = arguments.GetValue(intermediate),
                Family = arguments.GetValue(family),
                Optimizer = arguments.GetValue(optimizer),
                BFloat16 = arguments.GetValue(bfloat16),
                Steps = arguments.GetValue(steps),
                TokensPerBatch = arguments.GetValue(batch),
                MicroBatches = Math.Max(1, arguments.GetValue(micro)),
                PeakLearningRate = arguments.GetValue(rate),
                WeightDecay = arguments.GetValue(decay),
                Dropout = arguments.GetValue(dropout),
                Seed = arguments.GetValue(seed),
                CopyExercises = arguments.GetValue(copy),
                CheckpointEvery = arguments.GetValue(checkpointEvery),
                Device = arguments.GetValue(device),
                Resume = arguments.GetValue(resume),
            };
            var (policy, loss) = new PolicyPretraining(options, TimeProvider.System).Run();
            var store = new ModelStore(arguments.GetRequiredValue(models), TimeProvider.System);
            var version = store.Publish(
                arguments.GetRequiredValue(name),
                ModelKind.Policy,
                folder =>
                {
                    PolicyWeights.Write(policy, folder);
                    TokenizerFiles.Copy(options.Tokenizer, folder);
                },
                training: new JsonObject
                {
                    ["verb"] = "pretrain",
                    ["optimizer"] = options.Optimizer.ToString(),
                    ["from"] = options.From is null ? null : DataChecksum.Of(Path.Combine(options.From, ModelFiles.Weights)),
                    ["keep_layers"] = options.KeepLayers.Count == 0 ? null : new JsonArray([.. options.KeepLayers.Select(layer => (JsonNode)layer)]),
                    ["part"] = options.Part.ToString(),
                    ["device"] = options.Device.ToString(),
                    ["seed"] = options.Seed,
                    ["steps"] = options.Steps,
                    ["batch_tokens"] = options.TokensPerBatch,
                    ["learning_rate"] = options.PeakLearningRate,
                    ["weight_decay"] = options.WeightDecay,
                    ["dropout"] = options.Dropout,
                    ["data"] = DataChecksum.Of(options.Data),
                    ["descriptions"] = options.Descriptions is null ? null : DataChecksum.Of(options.Descriptions),
                },
                figures: new JsonObject { ["validation_loss"] = loss });
            Console.WriteLine($"published {version.Id}, validation loss {loss:F3} nats per summary token");
        });
        return command;
    }
}
