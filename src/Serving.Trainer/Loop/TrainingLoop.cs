using System.Runtime;
using Serving.Episodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp;
using TorchSharp.Modules;
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
/// <param name="judge">Watches evaluations; null = none.</param>
public sealed class TrainingLoop(
    TrainerOptions options, TrainingRun run, AnswerScorer score, OnnxOptions onnx, InferenceOptions inference, TimeProvider time, AnswerJudge? judge = null)
{
    /// <summary>Versions that "off-policy" looks back unless told otherwise.</summary>
    private const int OffPolicyStaleness = 4;

    /// <summary>A run that was killed before its first checkpoint begins anew, and so does its log.</summary>
    private const int BeforeTheStart = -1;

    private readonly IObjective _objective = Recipe.Build(options);
    private readonly SamplingParameters _sampling = new() { Temperature = (float)options.Temperature, MaxTokens = options.MaxTokens };
    private readonly TeacherFile? _stored = options.Gkd.TeacherFile is { } file && options.Recipe.Split('+').Contains("gkd") ? TeacherFile.Read(file) : null;
    private readonly LearningRate _rate = new(options.LearningRate, options.WarmUpSteps, options.Steps, options.FinalRate);

    /// <summary>Runs to the last step, or to the end of the round in which it is cancelled; then a checkpoint is left behind.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; resume to go on.</exception>
    /// <exception cref="ResumeException">It must not go on from the checkpoint of the folder.</exception>
    /// <exception cref="InvalidOperationException">The log holds nothing to learn from, or the loss is no longer a number.</exception>
    public TrainingResult Run(CancellationToken cancellationToken)
    {
        foreach (var (other, option) in new[] { (run.Teacher, "--teacher"), (run.Reference, "--reference") })
        {
            if (other is not null)
            {
                TokenizerFiles.RequireSame(run.Start, other, option);
            }
        }

        run.Device.Use();
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
        using var start = _objective.Needs.HasFlag(ObjectiveNeeds.Start) ? Load(run.Start.Path) : null;
        using var head = _objective.Needs.HasFlag(ObjectiveNeeds.ValueHead) ? new ValueHead(policy.Config.HiddenSize) : null;
        Parameter[] trained = [.. policy.Trained, .. head?.parameters() ?? []];
        using var optimizer = optim.AdamW(trained, options.LearningRate, 0.9, 0.99, weight_decay: options.WeightDecay);
        var clock = new RunClock(time);
        using var rollouts = Rollouts(clock);
        var window = Window();
        var corpus = Corpus(window, teacher);
        var state = new TrainingState(run.Folder);
        var gradients = new GradientStep(trained, optimizer, options.ClipNorm);
        var learner = new LearnerStep(options, _objective, new StepModels(policy, anchor, teacher, start, head), window, gradients, _rate);
        var watch = new RunWatch(new StopRules(options.Stop, options.TargetCandidates, LearnsFromAnother), options, run.Folder);
        var (step, figures) = (0, new RunFigures(null));
        HeldOutEvaluator? evaluator;
        if (run.Resume && state.Exists)
        {
            (step, figures) = Resume(state, policy, anchor, optimizer, window, corpus, head);
            figures = figures.Stop is null ? figures : watch.Judge(figures, policy);
            evaluator = Evaluator(corpus, figures.Start?.Sample.Prompts ?? 0, cancellationToken);
        }
        else
        {
            corpus.ReadOn();
            clock.Begin(RunPart.Evaluation);
            evaluator = Evaluator(corpus, options.EvaluationPrompts, cancellationToken);
            figures = new RunFigures(evaluator?.EvaluateStart(cancellationToken));
            if (evaluator is not null && run.Reference is not null)
            {
                figures = figures with { Begun = evaluator.Evaluate(0, policy, figures.Start!, cancellationToken) };
            }

            watch.Forget(figures);
        }

        clock.Begin(RunPart.Other);
        using var log = new RunLog(run.Folder, options.Steps, time, run.Resume ? (state.Exists ? step : BeforeTheStart) : null);
        Report(log, step == 0 ? figures.Begun ?? figures.Start?.Sample : null);
        var builder = new BatchBuilder(options.TargetCandidates, options.CandidatesPerGroup, run.Seed);
        var meter = new StepMeter(time);
        var saved = step;
        while (step < options.Steps && figures.Stop is null)
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
                clock.Begin(RunPart.Learner);
                learner.Take(batches, step, meter);
                clock.Begin(RunPart.Other);
                meter.Add("replay/staleness", prompts[i].Average(group => group.Draw.Staleness));
                if (step % options.LogEvery == 0 || step + 1 == options.Steps)
                {
                    log.Write(step, [.. meter.Take(_rate.At(step)), .. Figures(window, corpus), .. clock.Shares()], ShownOfStep);
                }
            }

            if (evaluator is not null && (step == options.Steps || Passed(options.EvaluateEvery, step - prompts.Length, step)))
            {
                clock.Begin(RunPart.Evaluation);
                figures = watch.Add(figures, evaluator.Evaluate(step, policy, figures.Start!, cancellationToken), policy);
                clock.Begin(RunPart.Other);
                Report(log, figures.Last, figures.Stop);
            }

            if (step - saved >= options.CheckpointEvery || step == options.Steps || figures.Stop is not null || cancellationToken.IsCancellationRequested)
            {
                state.Save(
                    step,
                    policy,
                    anchor,
                    optimizer,
                    new ReplayState(corpus.Read, window.Cursor, RunSettings.Digest(options, run), figures, corpus.Digest, window.Priorities),
                    head);
                watch.Forget(figures);
                saved = step;
            }

            cancellationToken.ThrowIfCancellationRequested();
            NativeHeap.Trim();
        }

        return new TrainingResult(Result(policy, step, watch, figures), step, window.Count, corpus.Read, figures);
    }

    /// <summary>What is learnt from was drawn, or is judged, by another policy than the start.</summary>
    private bool LearnsFromAnother =>
        (_objective.Needs & (ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Teacher)) != 0 && run.Teacher is { } teacher && teacher.Manifest.Digest != run.Start.Manifest.Digest;

    /// <summary>Whether a multiple of <paramref name="every"/> lies in (before, after]: a function of the steps alone, so that a resumed run evaluates where the killed one did.</summary>
    private static bool Passed(int every, int before, int after) => every > 0 && before / every < after / every;

    private IReadOnlyList<CandidateGroup> Groups(IReadOnlyList<CandidateGroup> logged, IReadOnlyList<CandidateGroup>? fresh) =>
    [
        .. _objective.Needs.HasFlag(ObjectiveNeeds.LoggedGroups) ? logged.Select(group => _stored?.Attach(group) ?? group) : [],
        .. fresh ?? [],
    ];

    private (int Step, RunFigures Figures) Resume(
        TrainingState state, PolicyModule policy, AnchorAverage? anchor, optim.Optimizer optimizer, ReplayWindow window, EpisodeCorpus corpus, ValueHead? head)
    {
        var (step, replay) = state.Restore(policy, anchor, optimizer, head);
        if (replay.Settings != RunSettings.Digest(options, run))
        {
            throw new ResumeException(
                $"{run.Folder}: the checkpoint was made with other options, models or seed, so going on would give neither run. "
                + "Use the same ones, or another --run folder.");
        }

        corpus.ReadOn(replay.Episodes);
        if (corpus.Read != replay.Episodes)
        {
            throw new ResumeException(
                $"{run.Episodes}: the checkpoint had read {replay.Episodes} episodes, but the log now holds {corpus.Read}. Use the log of the run.");
        }

        if (replay.Log != 0 && replay.Log != corpus.Digest)
        {
            throw new ResumeException(
                $"{run.Episodes}: these are not the {replay.Episodes} episodes that the checkpoint had read: some were deleted since, or it is another log. "
                + "What was deleted must not be trained on further: begin anew in another --run folder.");
        }

        window.Restore(replay.Cursor, replay.Priorities);
        return (step, replay.Figures);
    }

    private EpisodeCorpus Corpus(ReplayWindow window, PolicyModule? teacher)
    {
        var trains = _objective.Needs.HasFlag(ObjectiveNeeds.LoggedGroups);
        var longest = Math.Min(DecoderConfig.Read(run.Start.Path).MaxPositions, teacher?.Config.MaxPositions ?? int.MaxValue);
        return new EpisodeCorpus(
            new EpisodeReader(run.Episodes),
            window,
            trains ? run.Teacher?.Manifest.Name : null,
            RunSettings.HeldOut(options),
            longest,
            needsQuantiles: trains && !_objective.Needs.HasFlag(ObjectiveNeeds.Teacher) && _stored is null);
    }

    private ReplayWindow Window() => new(
        options.WindowGroups,
        run.Seed,
        options.Replay.Priorities ? new ReplayPriorities(options.Replay.Eta, options.Replay.Alpha, options.Replay.Beta) : null,
        options.Replay.MaxStaleness ?? (options.IsOffPolicy ? OffPolicyStaleness : null),
        PolicyVersion.Of(run.Start.Id));

    /// <summary>What replay holds and what it let go.</summary>
    private static (string Name, double Value)[] Figures(ReplayWindow window, EpisodeCorpus corpus) =>
    [
        ("replay/groups", window.Count),
        ("replay/dropped", window.Dropped),
        ("replay/stale", window.Stale),
        ("replay/skipped", corpus.Skipped),
    ];

    private Rollouts? Rollouts(RunClock clock) =>
        _objective.Fresh == default
            ? null
            : new Rollouts(Path.Combine(run.Folder, "rollouts"), run.Start, _objective.Fresh, onnx, inference, _sampling, score, run.Seed, clock);

    private HeldOutEvaluator? Evaluator(EpisodeCorpus corpus, int prompts, CancellationToken cancellationToken)
    {
        var heldOut = options.EvaluationFile is { } file && prompts > 0
            ? HeldOutFile.Read(file, prompts, corpus.Longest, run.Reference ?? run.Teacher ?? run.Start, onnx, inference, _sampling, run.Seed, cancellationToken)
            : [.. corpus.HeldOut.Take(prompts).Select(prompt => new HeldOutPrompt(prompt))];
        return heldOut.Count == 0 ? null : new HeldOutEvaluator(options, run, heldOut, score, judge, onnx, inference, _sampling);
    }

    /// <summary>Where the time goes is for the log; the console has the figures of the losses.</summary>
    private static bool ShownOfStep(string figure) =>
        !figure.StartsWith("time/", StringComparison.Ordinal) && !figure.StartsWith("cpu/", StringComparison.Ordinal);

    private static void Report(RunLog log, HeldOutEvaluation? evaluation, StopReason? stop = null)
    {
        if (evaluation is not null)
        {
            (string, double)[] stopped = stop is null ? [] : [($"stop/{stop.Rule}", stop.Value), ($"stop/{stop.Rule}_bound", stop.Bound)];
            log.Write(evaluation.Step, [.. evaluation.ToLog(), .. stopped], HeldOutEvaluation.Shown.Contains);
        }
    }

    /// <summary>The best weights, LoRA merged; those at the end where there is no best.</summary>
    private static PolicyModule Result(PolicyModule policy, int step, RunWatch watch, RunFigures figures)
    {
        if (figures.Best is { } best && best.Step != step)
        {
            var type = policy.ComputeType;
            using (policy)
            {
                var module = watch.Load(best, policy.Config);
                module.ComputeType = type;
                return module;
            }
        }

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
}
