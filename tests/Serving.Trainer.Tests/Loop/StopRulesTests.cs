using Serving.Trainer.Loop;

namespace Serving.Trainer.Tests.Loop;

public sealed class StopRulesTests
{
    private const int Prompts = 50;

    private static readonly StopRules _rules = new(new StopOptions(), targetCandidates: 8, learnsFromAnother: false);

    [Fact]
    public void The_budget_is_one_and_a_half_times_the_most_that_Best_of_n_diverges_and_there_is_none_for_another_policys_draws()
    {
        Assert.Equal(.1931, StopRules.BestOfNDivergence(2), 4);
        Assert.Equal(1.2044, StopRules.BestOfNDivergence(8), 4);
        Assert.Equal(1.5 * 1.2044415, _rules.KlBudget, 6);
        Assert.Equal(0, new StopRules(new StopOptions(), 8, learnsFromAnother: true).KlBudget);
        Assert.Equal(.3, new StopRules(new StopOptions { KlBudget = .3 }, 8, learnsFromAnother: true).KlBudget);
    }

    [Fact]
    public void Nothing_is_wrong_with_the_start_and_without_evaluations()
    {
        Assert.Null(_rules.Check(new RunFigures((StartEvaluation?)null)));
        Assert.Null(_rules.Check(new RunFigures(Start())));
        Assert.Null(_rules.Check(new RunFigures(Start()) { Last = Evaluation(10) }));
    }

    [Theory]
    [InlineData("kl", "kl", 1.9)]
    [InlineData("judge", "judge", .4)]
    [InlineData("length", "words", 13)]
    [InlineData("length", "words", 7.9)]
    [InlineData("repetition", "repetition", .2)]
    [InlineData("entropy", "entropy", .3)]
    public void A_figure_beyond_its_bound_stops_and_says_which_and_how_far(string rule, string figure, double value)
    {
        var stop = _rules.Check(new RunFigures(Start()) { Last = Evaluation(10, (figure, value)) });

        Assert.Equal((rule, 10), (stop!.Rule, stop.Step));
        Assert.Contains("Trainer:Stop:", stop.Message, StringComparison.Ordinal);
        Assert.True(Math.Abs(stop.Value) > 0);
    }

    [Fact]
    public void Every_bound_can_be_turned_off()
    {
        var none = new StopRules(
            new StopOptions
            {
                KlBudget = 0,
                JudgeMargin = 1,
                DivergenceEvaluations = 0,
                ShortestAnswers = 0,
                LongestAnswers = 1e6,
                Repetition = 1,
                Distinct = 0,
                Entropy = 0,
            },
            8,
            learnsFromAnother: false);
        var worst = Evaluation(10, ("kl", 99), ("judge", 0), ("words", 99), ("repetition", 1), ("entropy", 0)) with { Distinct = 0 };

        Assert.NotNull(_rules.Check(new RunFigures(Start()) { Last = worst }));
        Assert.Null(none.Check(new RunFigures(Start()) { Last = worst, Recent = [Start().Sample, worst] }));
    }

    [Fact]
    public void The_same_answer_to_everything_is_a_collapse() =>
        Assert.Equal("distinct", _rules.Check(new RunFigures(Start()) { Last = Evaluation(10) with { Distinct = .02 } })!.Rule);

    [Fact]
    public void A_fall_of_the_judge_within_its_noise_does_not_count()
    {
        double[] noisy = [.. Enumerable.Range(0, Prompts).Select(i => .7 - .06 + (i % 2 == 0 ? .6 : -.6))];

        Assert.Null(_rules.Check(new RunFigures(Start()) { Last = With(Evaluation(10), "judge", noisy) }));
    }

    [Fact]
    public void A_total_that_rises_while_the_judge_falls_is_a_hacked_reward_long_before_the_judge_is_below_its_margin()
    {
        HeldOutEvaluation[] recent = [Evaluation(0), .. Enumerable.Range(1, 3).Select(i => Evaluation(10 * i, ("total", 1 + (.2 * i)), ("judge", .7 - (.01 * i))))];
        HeldOutEvaluation[] honest = [Evaluation(0), .. Enumerable.Range(1, 3).Select(i => Evaluation(10 * i, ("total", 1 + (.2 * i)), ("judge", .7 + (.01 * i))))];

        var stop = _rules.Check(new RunFigures(Start()) { Last = recent[^1], Recent = recent });

        Assert.Equal("divergence", stop!.Rule);
        Assert.Null(_rules.Check(new RunFigures(Start()) { Last = recent[2], Recent = recent[..3] }));
        Assert.Null(_rules.Check(new RunFigures(Start()) { Last = honest[^1], Recent = honest }));
    }

    [Fact]
    public void A_student_may_become_as_short_as_the_teacher_whose_answers_it_learns()
    {
        var student = new StopRules(new StopOptions(), 8, learnsFromAnother: true);
        var figures = new RunFigures(Start() with { AnswerWords = 6 }) { Last = Evaluation(10, ("words", 6)) };

        Assert.Equal("length", _rules.Check(figures)!.Rule);
        Assert.Null(student.Check(figures));
        Assert.Equal("length", student.Check(figures with { Last = Evaluation(10, ("words", 4)) })!.Rule);
    }

    private static StartEvaluation Start() => new(Evaluation(0), null, null);

    private static HeldOutEvaluation With(HeldOutEvaluation evaluation, string figure, double[] values) =>
        evaluation with { Figures = new Dictionary<string, double[]>(evaluation.Figures) { [figure] = values } };

    /// <summary>A healthy evaluation but for some figures: the mean as given, every prompt a little different but alike from step to step.</summary>
    private static HeldOutEvaluation Evaluation(int step, params (string Figure, double Mean)[] other)
    {
        var means = new Dictionary<string, double> { ["total"] = 1, ["judge"] = .7, ["kl"] = .5, ["entropy"] = 2, ["words"] = 10, ["repetition"] = .01 };
        foreach (var (figure, mean) in other)
        {
            means[figure] = mean;
        }

        return new HeldOutEvaluation(
            step, means.ToDictionary(mean => mean.Key, mean => Enumerable.Range(0, Prompts).Select(i => mean.Value + (i % 2 == 0 ? .001 : -.001)).ToArray()), 1);
    }
}
