using Serving.Models;
using Serving.Tokenization;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// Trains a policy from random weights: language modelling of the document (weight 0.3), the task (weight 1) and copy exercises: half of the
/// rows until the policy copies (which begins suddenly), then 12 %, and none in the last 15 %. One synchronous thread, one dispose scope per step.
/// </summary>
public sealed class PolicyPretraining(PretrainOptions options, TimeProvider time)
{
    private const int LogEvery = 20;
    private const int MeasureCopyingEvery = 50;
    private const double Copies = 1.5;                                         // nats per copied token; a policy that cannot copy is at 6 to 8

    /// <summary>Runs to the end and returns the trained module and its validation loss per summary token, in nats.</summary>
    public (PolicyModule Policy, double ValidationLoss) Run() => Run(options.Steps);

    /// <summary>Stops before step <paramref name="until"/> of the same schedule, with a checkpoint.</summary>
    internal (PolicyModule Policy, double ValidationLoss) Run(int until)
    {
        options.Device.Use();
        Directory.CreateDirectory(options.Run);
        var tokenizer = TextTokenizer.Load(options.Tokenizer);
        var task = new TaskTokens(tokenizer);
        var batches = new PretrainBatches(Rows(options, task), task, tokenizer.VocabularySize, options.TokensPerBatch, options.Seed);
        var validation = new PretrainBatches(Tokens(TaskExample.Read(options.Validation), task), task, tokenizer.VocabularySize, options.TokensPerBatch, options.Seed);
        var policy = options.From is { } start ? PrunedPolicy.Of(start, options.KeepLayers) : new PolicyModule(Config(tokenizer, task), (ulong)options.Seed);
        policy.ComputeType = options.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        policy.Dropout = options.Dropout;
        using var optimizer = new PolicyOptimizer(policy, options.Optimizer, options.WeightDecay);
        var checkpoint = new RunCheckpoint(options.Run, options.Settings());
        var (first, copies) = options.Resume && checkpoint.Exists ? checkpoint.Restore(weights => ReadWeights(weights, policy), optimizer.Read) : (0, false);
        var rate = new LearningRate(options.PeakLearningRate, WarmUp: Math.Min(100, options.Steps / 10), options.Steps);
        using var log = new RunLog(options.Run, options.Steps, time, options.Resume ? first : null);
        Console.WriteLine($"{policy.Config.Parameters:N0} parameters, {batches.TokensPerEpoch:N0} tokens an epoch, "
            + $"{options.Steps * (double)options.TokensPerBatch / batches.TokensPerEpoch:F1} epochs");

        var (tokens, since) = (0L, time.GetTimestamp());
        for (var step = first; step < until; step++)
        {
            random.manual_seed(unchecked(((long)options.Seed << 32) ^ step));                  // dropout is a function of (seed, step) too
            var batch = batches.Batch(step, CopyShare(step, copies));
            var loss = Gradient(policy, batch, options.MicroBatches);
            optimizer.Step(rate.At(step));
            tokens += batch.Rows * (long)batch.Length;
            if (step % LogEvery == 0)
            {
                log.Write(step, ("loss", loss), ("tokens/s", tokens / time.GetElapsedTime(since).TotalSeconds), ("lr", rate.At(step)));
                (tokens, since) = (0, time.GetTimestamp());
            }

            if (options.CopyExercises && !copies && (step % MeasureCopyingEvery == MeasureCopyingEvery - 1 || (step == 0 && options.From is not null)))
            {
                var copyLoss = ValidationLoss(policy, validation, copyShare: 1, sampled: 2);
                copies = copyLoss < Copies;
                log.Write(step, ("copy", copyLoss));
            }

            if ((step + 1) % options.CheckpointEvery == 0 || step + 1 == until)
            {
                checkpoint.Save(step + 1, weights => PolicyWeights.WriteTensors(policy, weights), optimizer.Write, copies);
                log.Write(step, ("validation", ValidationLoss(policy, validation)));
                (tokens, since) = (0, time.GetTimestamp());
            }
        }

        return (policy, ValidationLoss(policy, validation));
    }

    /// <summary>Mean -log p per summary token (or per copied token of copy exercises) over a fixed sample of batches.</summary>
    public static double ValidationLoss(PolicyModule policy, PretrainBatches batches, double copyShare = 0, int sampled = 12)
    {
        using var quiet = no_grad();
        var (sum, weight) = (0.0, 0.0);
        for (var step = 0; step < sampled; step++)
        {
            using var scope = NewDisposeScope();
            var batch = batches.Batch(step, copyShare);
            var weights = batch.TargetWeights.Select(w => w >= 1 ? 1f : 0f).ToArray();
            var losses = policy.TokenLogProbs(Ids(batch)).reshape(-1).neg();
            sum += (losses * tensor(weights)).sum().item<float>();
            weight += weights.Sum();
        }

        return sum / weight;
    }

    /// <summary>Adds the gradient of a batch's weighted mean loss, in nats, to the parameters' gradients, a part of its rows at a time, and returns that loss.</summary>
    private static double Gradient(PolicyModule policy, PretrainBatch batch, int parts)
    {
        var (sum, all) = (0.0, batch.TargetWeights.Sum());
        foreach (var part in batch.Parts(parts))
        {
            using var scope = NewDisposeScope();
            var loss = (policy.TokenLogProbs(Ids(part)).reshape(-1).neg() * tensor(part.TargetWeights)).sum() / all;
            loss.backward();
            sum += loss.item<float>();
        }

        return sum;
    }

    private double CopyShare(int step, bool copies) =>
        !options.CopyExercises || step >= 0.85 * options.Steps ? 0 : copies ? 0.12 : 0.5;

    private DecoderConfig Config(TextTokenizer tokenizer, TaskTokens task) => new()
    {
        Family = options.Family,
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = options.HiddenSize,
        Layers = options.Layers,
        Heads = options.Heads,
        KeyValueHeads = options.KeyValueHeads,
        HeadDimension = options.HiddenSize / options.Heads,
        IntermediateSize = options.IntermediateSize,
        MaxPositions = 256,
        BosTokenId = task.Start,
        EosTokenIds = [task.End],
    };

    private static Tensor Ids(PretrainBatch batch) => tensor(batch.Ids, [batch.Rows, batch.Length]);

    private static List<(int[], int[])> Tokens(IEnumerable<TaskExample> examples, TaskTokens task) =>
        [.. examples.Select(example => (task.Document(example.Document), task.Response(example.Summary)))];

    /// <summary>The run's pairs, and the descriptions that none of them has, for language modelling.</summary>
    internal static IReadOnlyList<(int[] Document, int[] Response)> Rows(PretrainOptions options, TaskTokens task)
    {
        var pairs = PairParts.Of(TaskExample.Read(options.Data), options.Part);
        var paired = pairs.Select(pair => pair.Document).ToHashSet();
        var documents = options.Descriptions is { } path ? TaskExample.ReadDocuments(path).Where(example => !paired.Contains(example.Document)) : [];
        return [.. Tokens(pairs, task), .. documents.Select(example => (task.Document(example.Document), Array.Empty<int>()))];
    }

    private static void ReadWeights(string path, PolicyModule policy)
    {
        using var file = SafetensorsFile.Open(path);
        PolicyWeights.Read(file, policy);
    }
}
