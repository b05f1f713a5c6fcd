using Serving.Models;
using Serving.Scoring;
using Serving.Tokenization;
using Serving.Trainer.Encoder;
using Serving.Trainer.Pretraining;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Trains a pair encoder from random weights on groups of synopses. One synchronous thread, one dispose scope per step.</summary>
internal sealed class ScorerLoop(ScorerTrainingOptions options, TimeProvider time)
{
    private const int LogEvery = 50;
    private const int CheckpointEvery = 500;
    private const double ClipNorm = 1.0;

    /// <summary>Runs to the end and returns the module and its figures on the validation pairs.</summary>
    public (EncoderModule Scorer, IReadOnlyList<(string Name, double Value)> Figures) Run()
    {
        Directory.CreateDirectory(options.Run);
        var tokenizer = TextTokenizer.Load(options.Tokenizer);
        var config = Config(tokenizer);
        var encoder = new PairEncoder(tokenizer, config);
        var batches = new ScorerBatches(
            new SynopsisGroups(TaskExample.Read(options.Data), options.Task, options.Samples), encoder, options.TokensPerBatch, options.Seed);
        var evaluation = new ScorerEvaluation(
            new SynopsisGroups(TaskExample.Read(options.Validation), options.Task, options.ValidationSamples), encoder, options.Task);
        random.manual_seed(options.Seed);
        var scorer = new EncoderModule(config, (ulong)options.Seed) { ComputeType = ScalarType.BFloat16, Dropout = options.Dropout };
        using var optimizer = optim.AdamW(scorer.parameters(), options.PeakLearningRate, 0.9, 0.98, weight_decay: options.WeightDecay);
        var checkpoint = new RunCheckpoint(options.Run);
        var first = options.Resume && checkpoint.Exists ? checkpoint.Restore(path => ReadWeights(path, scorer), optimizer).Step : 0;
        var rate = new LearningRate(options.PeakLearningRate, Math.Min(200, options.Steps / 10), options.Steps);
        using var log = new RunLog(options.Run, options.Steps, time);
        var (rows, since) = (0L, time.GetTimestamp());
        for (var step = first; step < options.Steps; step++)
        {
            foreach (var group in optimizer.ParamGroups)
            {
                group.LearningRate = rate.At(step);
            }

            random.manual_seed(unchecked(((long)options.Seed << 32) ^ step));                  // dropout is a function of (seed, step) too
            var batch = batches.Batch(step);
            var loss = Step(scorer, optimizer, batch);
            rows += batch.Rows;
            if (step % LogEvery == 0)
            {
                log.Write(step, ("loss", loss), ("pairs/s", rows / time.GetElapsedTime(since).TotalSeconds), ("lr", rate.At(step)));
                (rows, since) = (0, time.GetTimestamp());
            }

            if ((step + 1) % CheckpointEvery == 0 || step + 1 == options.Steps)
            {
                checkpoint.Save(step + 1, path => EncoderWeights.WriteTensors(scorer, path), optimizer);
                log.Write(step, [.. evaluation.Figures(scorer)]);
                since = time.GetTimestamp();
            }
        }

        return (scorer, evaluation.Figures(scorer));
    }

    private double Step(EncoderModule scorer, optim.Optimizer optimizer, ScorerBatch batch)
    {
        using var scope = NewDisposeScope();
        scorer.train();
        var logits = scorer.forward(
            tensor(batch.Ids, [batch.Rows, batch.Length]), tensor(batch.Types, [batch.Rows, batch.Length]), tensor(batch.Mask, [batch.Rows, batch.Length]));
        var loss = options.Task == ScorerTask.Entailment ? EntailmentLoss(logits) : RewardLoss(logits);
        optimizer.zero_grad();
        loss.backward();
        nn.utils.clip_grad_norm_(scorer.parameters(), ClipNorm);
        optimizer.step();
        return loss.item<float>();
    }

    /// <summary>Cross-entropy of [rows, 2] logits; the own synopsis counts as much as the others of its group together.</summary>
    private static Tensor EntailmentLoss(Tensor logits)
    {
        var groups = logits.shape[0] / ScorerBatch.GroupSize;
        var logProbs = nn.functional.log_softmax(logits, 1).view(groups, ScorerBatch.GroupSize, 2);
        var own = logProbs.select(1, 0).select(1, 1);                                          // [G] log p(entailment)
        var others = logProbs.narrow(1, 1, ScorerBatch.GroupSize - 1).select(2, 0);            // [G, K] log p(not_entailment)
        return -(own.mean() + others.mean()) / 2;
    }

    /// <summary>-log sigmoid(own - other) over the pairs of a group (Bradley-Terry).</summary>
    private static Tensor RewardLoss(Tensor logits)
    {
        var rewards = logits.view(-1, ScorerBatch.GroupSize);
        var margins = rewards.narrow(1, 0, 1) - rewards.narrow(1, 1, ScorerBatch.GroupSize - 1);
        return -nn.functional.logsigmoid(margins).mean();
    }

    private EncoderConfig Config(TextTokenizer tokenizer) => new()
    {
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = options.HiddenSize,
        Layers = options.Layers,
        Heads = options.Heads,
        IntermediateSize = options.IntermediateSize,
        MaxPositions = 256,
        TypeVocabularySize = 4,
        MarksOverlap = true,
        Labels = options.Task == ScorerTask.Entailment ? ["not_entailment", "entailment"] : ["reward"],
        PadTokenId = tokenizer.IdOf("<pad>")!.Value,
    };

    private static void ReadWeights(string path, EncoderModule scorer)
    {
        using var file = SafetensorsFile.Open(path);
        EncoderWeights.Read(file, scorer);
    }
}
