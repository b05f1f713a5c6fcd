using Serving.Trainer.Objectives;
using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>The numbers that off-policy learning is made of, each against a formula or a published value.</summary>
public sealed class OffPolicyTests
{
    private static readonly double[] _onPolicy = [0, 0, 0];

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 1.003)]
    [InlineData(-3, -1.003)]
    public void Values_are_rescaled_as_published(double value, double rescaled) => Assert.Equal(rescaled, ValueRescaling.Rescale(value), 1e-12);

    [Fact]
    public void Rescaled_values_come_back()
    {
        for (var value = -100.0; value <= 100; value += 1.7)
        {
            Assert.Equal(value, ValueRescaling.Inverse(ValueRescaling.Rescale(value)), 1e-8);
        }
    }

    [Fact]
    public void A_priority_is_eta_of_the_largest_error_and_the_rest_of_the_mean()
    {
        Assert.Equal((.9 * 4) + (.1 * 2), SequencePriority.Of([1, -4, 1], .9), 1e-12);
        Assert.Equal(2, SequencePriority.Of([1, -4, 1], 0), 1e-12);
        Assert.Equal(0, SequencePriority.Of([], .9));
    }

    [Fact]
    public void An_answers_advantage_leaves_it_out_of_its_own_baseline()
    {
        Near([1 - 3.5, 2 - 3, 5 - 1.5], GroupAdvantage.LeaveOneOut([1, 2, 5]), 1e-12);
        Near([0], GroupAdvantage.LeaveOneOut([7]), 0);
    }

    [Fact]
    public void Weights_are_ratios_up_to_the_cap_and_answers_far_away_are_left_out()
    {
        Near([2, 1.5, .1], TruncatedWeights.Of([Math.Log(30), Math.Log(1.5), Math.Log(.1)], 2), 1e-12);
        Assert.True(TruncatedWeights.Near([Math.Log(4), -Math.Log(2)], 2));
        Assert.False(TruncatedWeights.Near([Math.Log(4.1), -Math.Log(2)], 2));
        Assert.False(TruncatedWeights.Near([-Math.Log(4.1), Math.Log(2)], 2));
        Assert.True(TruncatedWeights.LeftBehind([-1.2, 0], -1, .5));
        Assert.False(TruncatedWeights.LeftBehind([-1.2, 0], 1, .5));
        Assert.False(TruncatedWeights.LeftBehind([-.8, 0], -1, .5));
        Assert.Equal(Math.Exp(20), ImportanceRatio.Of(1000));
    }

    [Fact]
    public void Figures_tell_how_far_the_policy_is()
    {
        double[][] ratios = [[Math.Log(2), 0], [Math.Log(.5), Math.Log(.5)]];

        var figures = OffPolicyFigures.Of(ratios, 1.9);
        var onPolicy = OffPolicyFigures.Of([_onPolicy, _onPolicy], 1.9);

        Assert.Equal(2.25 * 2.25 / (2 * (4 + (.25 * .25))), figures.EffectiveSamples, 1e-12);
        Assert.Equal(((2 - 1 - Math.Log(2)) + (2 * (.5 - 1 + Math.Log(2)))) / 4, figures.Divergence, 1e-12);
        Assert.Equal(((4 + (.25 * .25)) / 2) - 1, figures.ChiSquare, 1e-12);
        Assert.Equal(.25, figures.Clipped);
        Assert.Equal(new OffPolicyFigures(1, 0, 0, 0), onPolicy);
    }

    /// <summary>On policy there is nothing to correct: all three agree, and every token's factor is the advantage itself.</summary>
    [Theory]
    [InlineData(PolicyCorrection.None)]
    [InlineData(PolicyCorrection.Truncated)]
    [InlineData(PolicyCorrection.VTrace)]
    public void On_policy_every_correction_weighs_the_advantage_by_one(PolicyCorrection correction)
    {
        var credit = new LoggedAnswer(_onPolicy, _onPolicy, Reward: 3, Baseline: 1.5, []).Credit(new OffPolicySettings { Correction = correction });

        Near([1.5, 1.5, 1.5], credit.Slopes, 1e-12);
        Near([1.5, 1.5, 1.5], credit.Errors, 1e-12);
        Assert.True(credit.Used);
    }

    [Fact]
    public void V_trace_without_a_head_multiplies_the_truncated_ratios_of_what_follows()
    {
        double[] ratios = [Math.Log(3), Math.Log(.5), Math.Log(.25), Math.Log(2)];

        var credit = new LoggedAnswer(ratios, new double[4], Reward: 3, Baseline: 1, []).Credit(new OffPolicySettings());

        Near([2 * 1 * .5 * .25, 2 * .5 * .25, 2 * .25, 2], credit.Slopes, 1e-12);
        Near([1 + (2 * .5 * .25), 1 + (2 * .5 * .25), 1 + (2 * .25), 3], credit.Targets, 1e-12);
    }

    [Fact]
    public void A_head_that_knows_nothing_yet_changes_nothing_and_one_that_does_takes_part_in_the_baseline()
    {
        double[] ratios = [Math.Log(3), Math.Log(.5)];
        var without = new LoggedAnswer(ratios, [0, 0], Reward: 3, Baseline: 1, []).Credit(new OffPolicySettings());
        var zero = new LoggedAnswer(ratios, [0, 0], Reward: 3, Baseline: 1, [0, 0]).Credit(new OffPolicySettings());
        var knowing = new LoggedAnswer(_onPolicy[..2], [0, 0], Reward: 3, Baseline: 1, [.5, 2]).Credit(new OffPolicySettings());

        Near(without.Slopes, zero.Slopes, 0);
        Near([1.5, 0], knowing.Slopes, 1e-12);
        Near([3, 3], knowing.Targets, 1e-12);
    }

    [Fact]
    public void Penalties_count_from_their_token_on_in_v_trace_and_for_the_whole_answer_otherwise()
    {
        var answer = new LoggedAnswer(_onPolicy, [-.1, -.2, -.4], Reward: 3, Baseline: 1, []);

        Near([1.3, 1.4, 1.6], answer.Credit(new OffPolicySettings()).Slopes, 1e-12);
        Near([1.3, 1.3, 1.3], answer.Credit(new OffPolicySettings { Correction = PolicyCorrection.None }).Slopes, 1e-12);
    }

    [Fact]
    public void An_answer_that_is_left_out_has_no_gradient_but_keeps_its_priority()
    {
        var far = new LoggedAnswer([1, 1, 1], _onPolicy, Reward: 3, Baseline: 1, []);

        var masked = far.Credit(new OffPolicySettings { Correction = PolicyCorrection.Truncated });
        var kept = far.Credit(new OffPolicySettings { Correction = PolicyCorrection.Truncated, SequenceMask = false });

        Near(_onPolicy, masked.Slopes, 0);
        Near([2, 2, 2], masked.Errors, 1e-12);
        Assert.False(masked.Used);
        Near([4, 4, 4], kept.Slopes, 1e-12);
    }
}
