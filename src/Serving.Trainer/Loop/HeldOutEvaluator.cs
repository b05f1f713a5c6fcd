using Serving.Inference;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Trainer.Data;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Policy;
using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Loop;

/// <summary>A judge's probability that the source supports the answer. It only watches: it must have no part in the scores that are trained on.</summary>
public delegate Task<double> AnswerJudge(string source, string answer, CancellationToken cancellationToken);

/// <summary>
/// Measures a policy on held-out prompts, through the engine that serves. The seeds of the draws depend on the run's seed and the prompt alone, so evaluations of one run pair
/// up, and none of the run's own draws depends on them. Used from the training thread.
/// </summary>
/// <param name="options">Of the run.</param>
/// <param name="run">Start, folder and seed.</param>
/// <param name="prompts">At least one.</param>
/// <param name="score">The scorecard that is trained on.</param>
/// <param name="judge">Null = none.</param>
public sealed class HeldOutEvaluator(
    TrainerOptions options,
    TrainingRun run,
    IReadOnlyList<HeldOutPrompt> prompts,
    AnswerScorer score,
    AnswerJudge? judge,
    OnnxOptions onnx,
    InferenceOptions inference,
    SamplingParameters sampling)
{
    private readonly StepRandom _random = new(run.Seed, "evaluation");

    /// <summary>
    /// Measures the start, and how good its Best-of-n is: the first of its candidates is its one sample (a group's first k candidates do not depend on its size).
    /// </summary>
    public StartEvaluation EvaluateStart(CancellationToken cancellationToken)
    {
        using var loaded = LoadedPolicy.Load(run.MeasuredFrom, onnx, inference);
        using var start = PolicyWeights.Load(run.MeasuredFrom.Path);
        var answers = Sampling.Answer(loaded, Seeded(), sampling, Math.Max(1, options.EvaluationCandidates), score, cancellationToken);
        var curve = options.EvaluationCandidates > 1 ? BestOfNCurve.Of([.. answers.Select(group => group.Select(answer => answer.Score).ToArray())]) : null;
        var sample = Measure(0, start, start, [.. answers.Select(group => group[0])], cancellationToken);
        double[] words = [.. prompts.Where(prompt => prompt.Asked.Answers.Count > 0).Select(prompt => prompt.Asked.Answers.Average(answer => SynopsisWords.Of(answer).Length))];
        return new StartEvaluation(Beside(sample, sample, curve), curve, words.Length > 0 ? words.Average() : null);
    }

    /// <param name="step">Steps that <paramref name="policy"/> has taken.</param>
    public HeldOutEvaluation Evaluate(int step, PolicyModule policy, StartEvaluation start, CancellationToken cancellationToken)
    {
        using var scratch = new ScratchPolicy(Path.Combine(run.Folder, "evaluation"), run.Start, "evaluated-policy", onnx, inference);
        scratch.Refresh(policy);
        using var origin = PolicyWeights.Load(run.MeasuredFrom.Path);
        var answers = Sampling.Answer(scratch.Loaded, Seeded(), sampling, 1, score, cancellationToken);
        return Beside(Measure(step, policy, origin, [.. answers.Select(group => group[0])], cancellationToken), start.Sample, start.Curve);
    }

    private (PromptText Prompt, ulong Seed)[] Seeded() => [.. prompts.Select((prompt, i) => (prompt.Asked, _random.Bits(0, (ulong)i)))];

    private HeldOutEvaluation Measure(int step, PolicyModule policy, PolicyModule start, ScoredAnswer[] answers, CancellationToken cancellationToken)
    {
        var judged = judge is null ? null : Task.WhenAll(
            answers.Select((answer, i) => judge(prompts[i].Asked.Source, answer.Candidate.Text, cancellationToken))).GetAwaiter().GetResult();
        var (divergence, entropy) = PolicyDivergence.Of(
            policy, start, [.. answers.Select((answer, i) => (prompts[i].Asked.Tokens, answer.Candidate.Tokens))], options.Temperature);
        var fragments = answers.Select((answer, i) => ExtractiveFragments.Of(prompts[i].Asked.Source, answer.Candidate.Text)).ToArray();
        var figures = new Dictionary<string, double[]>
        {
            [HeldOutEvaluation.TotalName] = Each(answer => answer.Score.Total + (Scorecard.VetoPenalty * answer.Score.Vetoed.Count)),
        };
        foreach (var (name, i) in answers[0].Score.Values.Select((value, i) => (value.Key, i)))
        {
            figures[name] = Each(answer => answer.Score.Values[i].Value);
        }

        figures["vetoed"] = Each(answer => answer.Score.Vetoed.Count > 0 ? 1 : 0);
        if (judged is not null)
        {
            figures[HeldOutEvaluation.JudgeName] = judged;
        }

        figures[HeldOutEvaluation.DivergenceName] = divergence;
        figures[HeldOutEvaluation.EntropyName] = entropy;
        figures["tokens"] = Each(answer => answer.Candidate.Tokens.Length);
        figures[HeldOutEvaluation.WordsName] = Each(answer => SynopsisWords.Of(answer.Candidate.Text).Length);
        figures[HeldOutEvaluation.RepetitionName] = Each(answer => AnswerShape.Repetition(answer.Candidate.Text));
        figures["coverage"] = [.. fragments.Select(fragment => fragment.Coverage)];
        figures["density"] = [.. fragments.Select(fragment => fragment.Density)];
        var referenced = answers.Zip(prompts, (answer, prompt) => (answer.Candidate.Text, prompt.Reference)).Where(pair => pair.Reference is not null).ToArray();
        if (referenced.Length > 0)
        {
            figures["rouge-1"] = [.. referenced.Select(pair => 100 * Rouge.N(pair.Text, pair.Reference!, 1))];
            figures["rouge-2"] = [.. referenced.Select(pair => 100 * Rouge.N(pair.Text, pair.Reference!, 2))];
            figures["rouge-l"] = [.. referenced.Select(pair => 100 * Rouge.L(pair.Text, pair.Reference!))];
        }

        return new HeldOutEvaluation(step, figures, AnswerShape.Distinct([.. answers.Select(answer => answer.Candidate.Text)]));

        double[] Each(Func<ScoredAnswer, double> figure) => [.. answers.Select(figure)];
    }

    private HeldOutEvaluation Beside(HeldOutEvaluation evaluation, HeldOutEvaluation start, BestOfNCurve? curve)
    {
        if (curve is null)
        {
            return evaluation;
        }

        var totals = curve.Steadied(evaluation.Figures[HeldOutEvaluation.TotalName], start.Figures[HeldOutEvaluation.TotalName]);
        var whole = curve.Mean(Math.Min(options.TargetCandidates, curve.Candidates)) - curve.Mean(1);
        return evaluation with
        {
            EffectiveN = curve.Of(totals),
            GainShare = whole > 0 ? (totals.Average() - curve.Mean(1)) / whole : null,
        };
    }
}
