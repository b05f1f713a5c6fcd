using Serving.Trainer.Data;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class ReplayPrioritiesTests
{
    /// <summary>seed_rl's tests/utils_test.py: priorities .3 and .9, exponent .7, importance exponent .3.</summary>
    [Fact]
    public void Importance_weights_are_those_of_the_reference_implementation()
    {
        var priorities = new ReplayPriorities(.9, .7, .3);
        CandidateGroup[] groups = [Numbered(0, priorities, .3), Numbered(1, priorities, .9)];

        var drawn = priorities.Draw(groups, [0, .999]);

        var sum = Math.Pow(.3, .7) + Math.Pow(.9, .7);
        double[] expected = [Math.Pow(sum / Math.Pow(.3, .7), .3), Math.Pow(sum / Math.Pow(.9, .7), .3)];
        Assert.Equal([0L, 1L], drawn.Select(group => group.Draw.Number));
        Assert.Equal(1, drawn[0].Draw.Weight, 1e-12);
        Assert.Equal(expected[1] / expected[0], drawn[1].Draw.Weight, 1e-12);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(.5)]
    [InlineData(0)]
    public void Groups_are_drawn_in_proportion(double exponent)
    {
        const int draws = 40_000;
        double[] priority = [100, 1, 25, 7];
        var priorities = new ReplayPriorities(.9, exponent, 1);
        var groups = priority.Select((value, i) => Numbered(i, priorities, value)).ToArray();
        var random = new StepRandom(1, "test");

        var drawn = priorities.Draw(groups, [.. Enumerable.Range(0, draws).Select(i => random.Uniform(0, (ulong)i))]);

        var masses = priority.Select(value => Math.Pow(value, exponent)).ToArray();
        for (var i = 0; i < priority.Length; i++)
        {
            Assert.Equal(masses[i] / masses.Sum(), drawn.Count(group => group.Draw.Number == i) / (double)draws, .01);
        }
    }

    /// <summary>With beta = 1 a mean over weighted draws is the mean over the groups: its expectation, worked out draw by draw.</summary>
    [Fact]
    public void Weighted_draws_do_not_bias_a_mean()
    {
        double[] priority = [3, 1, .5];
        double[] value = [7, -2, 4];
        var priorities = new ReplayPriorities(.9, .9, 1);
        var groups = priority.Select((p, i) => Numbered(i, priorities, p)).ToArray();
        var masses = priority.Select(p => Math.Pow(p, .9)).ToArray();

        // One draw of every group in one step, so that all weights have the same scale.
        var starts = masses.Select((_, i) => (masses[..i].Sum() + (masses[i] / 2)) / masses.Sum()).ToArray();
        var weights = priorities.Draw(groups, starts).Select(group => group.Draw.Weight).ToArray();

        var weighted = masses.Select((mass, i) => mass / masses.Sum() * weights[i] * value[i]).Sum();
        var scale = masses.Select((mass, i) => mass / masses.Sum() * weights[i]).Sum();
        Assert.Equal(value.Average(), weighted / scale, 1e-12);
    }

    [Fact]
    public void A_group_begins_with_the_priority_of_its_logged_rewards_and_is_never_forgotten_for_good()
    {
        var priorities = new ReplayPriorities(.9, .9, .6);
        priorities.Add(Group("a", [1, 2, 5]) with { Draw = new ReplayDraw(0, 1, 0) });
        priorities.Add(Group("b", [4, 4, 4]) with { Draw = new ReplayDraw(1, 1, 0) });

        Assert.Equal((.9 * 3.5) + (.1 * 7 / 3), priorities[0], 1e-12);
        Assert.InRange(priorities[1], double.Epsilon, 1e-5);
    }

    private static CandidateGroup Numbered(long number, ReplayPriorities priorities, double priority)
    {
        var group = Group("g" + number, [0, 1]) with { Draw = new ReplayDraw(number, 1, 0) };
        priorities[number] = priority;
        return group;
    }
}
