using System.Globalization;

namespace Serving.Trainer.Loop;

/// <summary>Says whether a run must end, from its evaluations alone. Pure.</summary>
/// <param name="options">The bounds.</param>
/// <param name="targetCandidates">n of the Best-of-n that is distilled.</param>
/// <param name="learnsFromAnother">The logged draws or the teacher are another policy than the start.</param>
internal sealed class StopRules(StopOptions options, int targetCandidates, bool learnsFromAnother)
{
    private const double KlFactor = 1.5;
    private const double Errors = 2;

    /// <summary>Bound on KL(policy || start) in nats per answer; 0 = none.</summary>
    public double KlBudget => options.KlBudget ?? (learnsFromAnother ? 0 : KlFactor * BestOfNDivergence(targetCandidates));

    /// <summary>The first bound that the newest evaluation breaks; null when it breaks none.</summary>
    public StopReason? Check(RunFigures figures)
    {
        if (figures is not { Start: { } start, Last: { } last })
        {
            return null;
        }

        return Divergence(last) ?? Judge(start.Sample, last) ?? Hacking(figures.Recent) ?? Length(start, last) ?? Collapse(start.Sample, last);
    }

    /// <summary>log n - (n-1)/n: the most that Best-of-n can diverge from what it draws from, in nats.</summary>
    internal static double BestOfNDivergence(int n) => Math.Log(n) - ((n - 1.0) / n);

    private StopReason? Divergence(HeldOutEvaluation last)
    {
        var kl = last.Mean(HeldOutEvaluation.DivergenceName);
        return KlBudget > 0 && kl > KlBudget
            ? new("kl", last.Step, kl, KlBudget, Text(
                $"KL from the start is {kl:F3} +- {last.StandardError(HeldOutEvaluation.DivergenceName):F3} nats per answer, over the budget of {KlBudget:F3} (Trainer:Stop:KlBudget)"))
            : null;
    }

    private StopReason? Judge(HeldOutEvaluation start, HeldOutEvaluation last)
    {
        if (!last.Figures.ContainsKey(HeldOutEvaluation.JudgeName) || !start.Figures.ContainsKey(HeldOutEvaluation.JudgeName))
        {
            return null;
        }

        var (change, error) = last.Difference(start, HeldOutEvaluation.JudgeName);
        return change < -options.JudgeMargin && change < -Errors * error
            ? new("judge", last.Step, change, -options.JudgeMargin, Text(
                $"the held-out judge has fallen by {-change:F3} +- {error:F3} since the start, more than {options.JudgeMargin:F3} (Trainer:Stop:JudgeMargin)"))
            : null;
    }

    /// <summary>Over the last evaluations the total that is trained on rises while the judge falls.</summary>
    private StopReason? Hacking(IReadOnlyList<HeldOutEvaluation> recent)
    {
        var over = options.DivergenceEvaluations;
        if (over == 0 || recent.Count <= over || !recent[^1].Figures.ContainsKey(HeldOutEvaluation.JudgeName) || !recent[^(over + 1)].Figures.ContainsKey(HeldOutEvaluation.JudgeName))
        {
            return null;
        }

        var (last, first) = (recent[^1], recent[^(over + 1)]);
        var (gain, gainError) = last.Difference(first, HeldOutEvaluation.TotalName);
        var (change, error) = last.Difference(first, HeldOutEvaluation.JudgeName);
        return gain > Errors * gainError && change < -Errors * error
            ? new("divergence", last.Step, change, 0, Text(
                $"since step {first.Step} the total has risen by {gain:F3} +- {gainError:F3} and the held-out judge fallen by {-change:F3} +- {error:F3} (Trainer:Stop:DivergenceEvaluations)"))
            : null;
    }

    private StopReason? Length(StartEvaluation start, HeldOutEvaluation last)
    {
        var (words, before) = (last.Mean(HeldOutEvaluation.WordsName), start.Sample.Mean(HeldOutEvaluation.WordsName));
        var other = learnsFromAnother ? start.AnswerWords ?? before : before;
        var (least, most) = (options.ShortestAnswers * Math.Min(before, other), options.LongestAnswers * Math.Max(before, other));
        var longer = words > most;
        return before > 0 && (longer || words < least)
            ? new("length", last.Step, words, longer ? most : least, Text(
                $"answers have {words:F1} words, {words / before:F2} times those of the start, and may have {least:F1} to {most:F1} (Trainer:Stop:{(longer ? nameof(options.LongestAnswers) : nameof(options.ShortestAnswers))})"))
            : null;
    }

    private StopReason? Collapse(HeldOutEvaluation start, HeldOutEvaluation last)
    {
        var (repetition, most) = (last.Mean(HeldOutEvaluation.RepetitionName), start.Mean(HeldOutEvaluation.RepetitionName) + options.Repetition);
        if (repetition > most)
        {
            return new("repetition", last.Step, repetition, most, Text(
                $"{repetition:P1} of the answers' word pairs repeat earlier ones, at most {most:P1} may (Trainer:Stop:Repetition)"));
        }

        var different = options.Distinct * start.Distinct;
        if (last.Distinct < different)
        {
            return new("distinct", last.Step, last.Distinct, different, Text(
                $"{last.Distinct:P1} of the answers are different ones, at least {different:P1} must be (Trainer:Stop:Distinct)"));
        }

        var (entropy, least) = (last.Mean(HeldOutEvaluation.EntropyName), options.Entropy * start.Mean(HeldOutEvaluation.EntropyName));
        return entropy < least
            ? new("entropy", last.Step, entropy, least, Text($"a token has {entropy:F3} nats of entropy and must have {least:F3} (Trainer:Stop:Entropy)"))
            : null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
