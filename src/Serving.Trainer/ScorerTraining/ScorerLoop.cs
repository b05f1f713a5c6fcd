using Serving.Models;
using Serving.Scoring;
using Serving.Tokenization;
using Serving.Trainer.Encoder;
using Serving.Trainer.Likelihood;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Trains a scorer on groups of synopses. One synchronous thread, one dispose scope per step.</summary>
internal sealed class ScorerLoop(ScorerTrainingOptions options, TimeProvider time)
{
    private const int LogEvery = 25;
    private const int CheckpointEvery = 250;
    private const double ClipNorm = 1.0;
    private const int MostWatched = 400;

    /// <summary>
    /// Runs to the end and returns the scorer and its figures on all validation pairs; on the way they are taken over some of them. An entailment model is calibrated
    /// on those at the end, and its calibration error is that of the others.
    /// </summary>
    public (TrainableScorer Scorer, IReadOnlyList<(string Name, double Value)> Figures) Run()
    {
        options.Device.Use();
        Directory.CreateDirectory(options.Run);
        random.manual_seed(options.Seed);
        var training = Groups(PairParts.Of(TaskExample.Read(options.Data), options.Part), options.Samples);
        var labels = new ScorerLabels(options.Task, training.Kinds);
        var scorer = Create(TextTokenizer.Load(options.Tokenizer), labels.Names);
        var batches = Batches(training, scorer.Encoder);
        var validation = Groups(TaskExample.Read(options.Validation), options.ValidationSamples);
        var watched = Math.Min(MostWatched, validation.Examples.Count / 2);
        var evaluation = new ScorerEvaluation(validation, Batches(validation, scorer.Encoder), options.Task, watched);
        var groups = scorer.Parameters.GroupBy(parameter => parameter.RateFactor, parameter => parameter.Parameter).ToArray();
        using var optimizer = optim.AdamW(
            groups.Select(group => new AdamW.ParamGroup(group, options.PeakLearningRate, 0.9, 0.98, weight_decay: options.WeightDecay)));
        var checkpoint = new RunCheckpoint(options.Run);
        var first = options.Resume && checkpoint.Exists ? checkpoint.Restore(scorer.ReadWeights, optimizer.load_state_dict).Step : 0;
        var rate = new LearningRate(options.PeakLearningRate, Math.Min(200, options.Steps / 10), options.Steps);
        using var log = new RunLog(options.Run, options.Steps, time);
        Console.WriteLine($"{training.Examples.Count:N0} descriptions, {scorer.Parameters.Sum(parameter => parameter.Parameter.numel()):N0} parameters");
        log.Write(first, [.. evaluation.Figures(scorer)]);                                    // a likelihood scorer knows something before its first step
        var (pairs, since) = (0L, time.GetTimestamp());
        foreach (var (step, batch) in batches.Ahead(first, options.Steps).Select((batch, i) => (first + i, batch)))
        {
            var groupRates = groups.Select(group => group.Key * rate.At(step)).ToArray();
            foreach (var (group, groupRate) in optimizer.ParamGroups.Zip(groupRates))
            {
                group.LearningRate = groupRate;
            }

            random.manual_seed(unchecked(((long)options.Seed << 32) ^ step));                  // dropout is a function of (seed, step) too
            var loss = Step(scorer, labels, optimizer, batch, step);
            pairs += batch.Sum(group => group.Answers.Count);
            if (step % LogEvery == 0)
            {
                log.Write(step, ("loss", loss), ("pairs/s", pairs / time.GetElapsedTime(since).TotalSeconds), ("lr", rate.At(step)));
                (pairs, since) = (0, time.GetTimestamp());
            }

            if ((step + 1) % CheckpointEvery == 0 || step + 1 == options.Steps)
            {
                checkpoint.Save(step + 1, scorer.WriteWeights, optimizer.save_state_dict);
                log.Write(step, [.. evaluation.Figures(scorer)]);
                since = time.GetTimestamp();
            }
        }

        if (options.Task == ScorerTask.Entailment)
        {
            var (scale, shift) = evaluation.Calibrate(scorer);
            Console.WriteLine($"calibrated on {watched} validation descriptions: logits times {scale:F3}, entailment {shift:+0.000;-0.000}");
        }

        var figures = new ScorerEvaluation(validation, Batches(validation, scorer.Encoder), options.Task, fitted: watched).Figures(scorer);
        Console.WriteLine(string.Join("  ", figures.Select(figure => $"{figure.Name} {figure.Value:F3}")));
        return (scorer, figures);
    }

    private double Step(TrainableScorer scorer, ScorerLabels labels, optim.Optimizer optimizer, IReadOnlyList<ScorerGroup> batch, int step)
    {
        using var scope = NewDisposeScope();
        var logits = scorer.Logits(batch, training: true);
        var loss = options.Task == ScorerTask.Entailment ? ScorerLosses.CrossEntropy(logits, batch, labels) : ScorerLosses.Preference(logits, batch);
        var total = scorer.AuxiliaryLoss(batch, new Random(unchecked((options.Seed * 1_000_003) ^ step))) is { } auxiliary ? loss + auxiliary : loss;
        optimizer.zero_grad();
        total.backward();
        nn.utils.clip_grad_norm_(scorer.Parameters.Select(parameter => parameter.Parameter), ClipNorm);
        optimizer.step();
        return loss.item<float>();
    }

    private SynopsisGroups Groups(IReadOnlyList<TaskExample> examples, IReadOnlyList<string> samples) => new(examples, options.Task, PolicySamples.Read(samples));

    private ScorerBatches Batches(SynopsisGroups groups, PairEncoder encoder) =>
        new(groups, encoder, options.GroupSize, options.LongestSource, options.TokensPerBatch, options.Seed);

    private static LikelihoodModule Trained(string folder, IReadOnlyList<string> labels)
    {
        var scorer = LikelihoodWeights.Load(folder);
        return scorer.Config.Labels.SequenceEqual(labels)
            ? scorer
            : throw new InvalidDataException(
                $"{folder} has the labels {string.Join(", ", scorer.Config.Labels)}, but this task and its samples ask for {string.Join(", ", labels)}: "
                + "use the task and samples that it was trained with, or begin from a policy.");
    }

    private TrainableScorer Create(TextTokenizer tokenizer, IReadOnlyList<string> labels)
    {
        var pad = tokenizer.IdOf("<pad>")!.Value;
        if (options.From is { } start)
        {
            var scorer = LikelihoodConfig.Matches(start)
                ? Trained(start, labels)
                : LikelihoodModule.FromPolicy(PolicyWeights.Load(start), labels, seed: (ulong)options.Seed, padTokenId: pad);
            scorer.Policy.Dropout = options.Dropout;
            return new LikelihoodTraining(scorer, new PairEncoder(tokenizer, scorer.Config), options.DecoderRate);
        }

        var config = new EncoderConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = options.HiddenSize,
            Layers = options.Layers,
            Heads = options.Heads,
            IntermediateSize = options.IntermediateSize,
            MaxPositions = 256,
            TypeVocabularySize = 4,
            MarksOverlap = true,
            Labels = labels,
            PadTokenId = pad,
        };
        var module = new EncoderModule(config, (ulong)options.Seed) { Dropout = options.Dropout };
        return new EncoderTraining(module, new PairEncoder(tokenizer, config), options.MaskedShare);
    }
}
