using System.Runtime;
using System.Security.Cryptography;
using System.Text.Json;
using Serving.Episodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>
/// Distils logged groups, fresh rollouts and a teacher into a policy. <see cref="Run"/> is synchronous and owns its thread: dispose scopes are thread-static,
/// so nothing here awaits. The weights that come out are a function of the options, the log, the models and the seed; a killed run that is
/// resumed gives the same ones.
/// </summary>
/// <remarks>
/// Rounds of <see cref="TrainerOptions.RoundSteps"/> steps: draw the prompts of all steps, answer them with the weights of the round's beginning, then step. Checkpoints
/// fall on the ends of rounds, so that a resumed run answers with the same weights.
/// </remarks>
/// <param name="options">Validated.</param>
/// <param name="run">Models, log, folder and seed.</param>
/// <param name="score">Scores rollouts and evaluations; not called by offline recipes without evaluation.</param>
/// <param name="onnx">Session settings of the engines.</param>
/// <param name="inference">Engine settings.</param>
/// <param name="time">For the log.</param>
public sealed class TrainingLoop(
    TrainerOptions options, TrainingRun run, AnswerScorer score, OnnxOptions onnx, InferenceOptions inference, TimeProvider time)
{
    private readonly IObjective _objective = Recipe.Build(options);
    private readonly AnchorSchedule _anchorSchedule = Recipe.Anchor(options);
    private readonly SamplingParameters _sampling = new() { Temperature = (float)options.Temperature, MaxTokens = options.MaxTokens };
    private readonly LearningRate _rate = new(options.LearningRate, options.WarmUpSteps, options.Steps, options.FinalRate);

    /// <summary>Runs to the last step, or to the end of the round in which it is cancelled; then a checkpoint is left behind.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; resume to go on.</exception>
    /// <exception cref="InvalidOperationException">The log holds nothing to learn from, or the loss is no longer a number.</exception>
    public TrainingResult Run(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(run.Folder);

        // A background collection may run the finaliser of a Scalar while a native call still reads it (TorchSharp keeps nothing alive).
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        var policy = Load(run.Start.Path);
        policy.GradientCheckpointing = options.GradientCheckpointing;
        if (options.LoraRank > 0)
        {
            policy.Adapt(options.LoraRank, options.LoraAlpha, run.Seed);
        }

        using var teacher = _objective.Needs.HasFlag(ObjectiveNeeds.Teacher)
            ? Load((run.Teacher ?? throw new InvalidOperationException($"The recipe \"{options.Recipe}\" needs a teacher; name one with --teacher.")).Path)
            : null;
        using var anchor = (_objective.Needs & (ObjectiveNeeds.AnchorSamples | ObjectiveNeeds.Anchor)) != 0 ? new AnchorAverage(policy) : null;
        using var optimizer = optim.AdamW(policy.Trained, options.LearningRate, 0.9, 0.99, weight_decay: options.WeightDecay);
        using var rollouts = Rollouts();
        var window = new ReplayWindow(options.WindowGroups, run.Seed);
        var corpus = Corpus(window, teacher);
        var state = new TrainingState(run.Folder);
        var gradients = new GradientStep(policy.Trained, optimizer, options.ClipNorm);
        var (step, before) = (0, (PolicyEvaluation?)null);
        if (run.Resume && state.Exists)
        {
            (step, before) = Resume(state, policy, anchor, optimizer, window, corpus);
        }
        else
        {
            corpus.ReadOn();
            before = Evaluate(policy, corpus, cancellationToken);
        }

        using var log = new RunLog(run.Folder, options.Steps, time, run.Resume ? step : null);
        Report(log, step, before);
        var builder = new BatchBuilder(options.TargetCandidates, options.CandidatesPerGroup, run.Seed);
        var meter = new StepMeter(time);
        var (saved, evaluated) = (step, step);
        while (step < options.Steps)
        {
            if (options.Follow && step > 0)
            {
                corpus.ReadOn();
            }

            var prompts = Enumerable.Range(step, Math.Min(options.RoundSteps, options.Steps - step)).Select(_ => window.Next(options.GroupsPerStep)).ToArray();
            rollouts?.Refresh(policy, anchor?.Module);
            var fresh = rollouts?.Sample(prompts, step, cancellationToken);
            for (var i = 0; i < prompts.Length; i++, step++)
            {
                var batches = builder.Build(Groups(prompts[i], fresh?[i]), step, options.MicroBatches);
                Step(policy, anchor, teacher, gradients, batches, step, meter);
                if (step % options.LogEvery == 0 || step + 1 == options.Steps)
                {
                    log.Write(step, meter.Take(_rate.At(step)));
                }
            }

            if (step - saved >= options.CheckpointEvery || step == options.Steps || cancellationToken.IsCancellationRequested)
            {
                state.Save(step, policy, anchor, optimizer, new ReplayState(corpus.Read, window.Cursor, Settings(), before));
                saved = step;
            }

            cancellationToken.ThrowIfCancellationRequested();
            NativeHeap.Trim();

            if (options.EvaluateEvery > 0 && step - evaluated >= options.EvaluateEvery && step < options.Steps)
            {
                Report(log, step, Evaluate(policy, corpus, cancellationToken));
                evaluated = step;
            }
        }

        var after = before is null ? null : Evaluate(policy, corpus, cancellationToken);
        Report(log, step, after);
        return new TrainingResult(Published(policy), step, window.Count, corpus.Read, before, after);
    }

    private void Step(
        PolicyModule policy, AnchorAverage? anchor, PolicyModule? teacher, GradientStep gradients, IEnumerable<TokenBatch> batches, int step, StepMeter meter)
    {
        using var whole = NewDisposeScope();
        gradients.Begin(_rate.At(step));
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                var inputs = new ObjectiveInputs(policy, batch, options.Temperature, anchor?.Module, teacher);
                var loss = _objective.Loss(inputs);
                GradientStep.Add(loss, 1.0 / options.MicroBatches);
                meter.Add(loss, inputs.Figures, batch.Tokens);
            }
        }

        var norm = gradients.Apply();
        if (!double.IsFinite(norm))
        {
            throw new InvalidOperationException(
                $"Step {step}: the gradient is no longer a number. Lower Trainer:LearningRate or Trainer:Bond:Clip and resume from the last checkpoint.");
        }

        anchor?.Update(policy, _anchorSchedule.ShareAfter(step));
        meter.Add("gradient_norm", norm);
    }

    private IReadOnlyList<CandidateGroup> Groups(IReadOnlyList<CandidateGroup> logged, IReadOnlyList<CandidateGroup>? fresh) =>
    [
        .. _objective.Needs.HasFlag(ObjectiveNeeds.LoggedGroups) ? logged : [],
        .. fresh ?? [],
    ];

    private (int Step, PolicyEvaluation? Before) Resume(
        TrainingState state, PolicyModule policy, AnchorAverage? anchor, optim.Optimizer optimizer, ReplayWindow window, EpisodeCorpus corpus)
    {
        var (step, replay) = state.Restore(policy, anchor, optimizer);
        if (replay.Settings != Settings())
        {
            throw new InvalidOperationException(
                $"{run.Folder}: the checkpoint was made with other options, models or seed, so going on would give neither run. "
                + "Use the same ones, or another --run folder.");
        }

        corpus.ReadOn(replay.Episodes);
        if (corpus.Read != replay.Episodes)
        {
            throw new InvalidOperationException(
                $"{run.Episodes}: the checkpoint had read {replay.Episodes} episodes, but the log now holds {corpus.Read}. Use the log of the run.");
        }

        window.Restore(replay.Cursor);
        return (step, replay.Before);
    }

    private EpisodeCorpus Corpus(ReplayWindow window, PolicyModule? teacher)
    {
        var trains = _objective.Needs.HasFlag(ObjectiveNeeds.LoggedGroups);
        var longest = Math.Min(DecoderConfig.Read(run.Start.Path).MaxPositions, teacher?.Config.MaxPositions ?? int.MaxValue);
        return new EpisodeCorpus(
            new EpisodeReader(run.Episodes),
            window,
            trains ? run.Teacher?.Manifest.Name : null,
            HeldOut(),
            longest,
            needsQuantiles: trains && !_objective.Needs.HasFlag(ObjectiveNeeds.Teacher));
    }

    private double HeldOut() => options.EvaluationPrompts > 0 ? options.HeldOut : 0;

    private Rollouts? Rollouts() =>
        _objective.Fresh == default
            ? null
            : new Rollouts(Path.Combine(run.Folder, "rollouts"), run.Start, _objective.Fresh, onnx, inference, _sampling, score, run.Seed);

    private PolicyEvaluation? Evaluate(PolicyModule policy, EpisodeCorpus corpus, CancellationToken cancellationToken)
    {
        var prompts = corpus.HeldOut.Take(options.EvaluationPrompts).ToArray();
        if (prompts.Length == 0)
        {
            return null;
        }

        using var scratch = new ScratchPolicy(Path.Combine(run.Folder, "evaluation"), run.Start, "evaluated-policy", onnx, inference);
        scratch.Refresh(policy);
        return PolicyEvaluator.Evaluate(scratch.Loaded, prompts, _sampling, score, run.Seed, cancellationToken);
    }

    private static void Report(RunLog log, int step, PolicyEvaluation? evaluation)
    {
        if (evaluation is not null)
        {
            log.Write(step, [
                ("evaluation/total", evaluation.Total),
                ("evaluation/standard_error", evaluation.StandardError),
                .. evaluation.Values.Select(value => ("evaluation/" + value.Key, value.Value)),
                ("evaluation/tokens", evaluation.Tokens),
            ]);
        }
    }

    /// <summary>LoRA is merged into what comes out.</summary>
    private static PolicyModule Published(PolicyModule policy)
    {
        if (!policy.Adapted)
        {
            return policy;
        }

        using (policy)
        {
            return policy.Merged();
        }
    }

    private PolicyModule Load(string folder)
    {
        var module = PolicyWeights.Load(folder);
        module.ComputeType = options.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        return module;
    }

    /// <summary>Everything the weights depend on but the log; Follow and the cadence of logs and checkpoints may change between resumes.</summary>
    private string Settings() => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new
    {
        options.Recipe,
        options.Steps,
        options.GroupsPerStep,
        options.MicroBatches,
        options.CandidatesPerGroup,
        options.TargetCandidates,
        options.LearningRate,
        options.WarmUpSteps,
        options.FinalRate,
        options.WeightDecay,
        options.ClipNorm,
        options.Temperature,
        options.MaxTokens,
        options.WindowGroups,
        options.RoundSteps,
        HeldOut = HeldOut(),
        options.BFloat16,
        options.LoraRank,
        options.LoraAlpha,
        options.Bond,
        options.FullBond,
        options.JBond,
        options.BonBon,
        options.Gkd,
        options.SeqKd,
        options.GkdReward,
        options.Reinforce,
        options.Entailment,
        run.Seed,
        Start = run.Start.Manifest.Digest,
        Teacher = run.Teacher?.Manifest.Digest,
    })));
}
