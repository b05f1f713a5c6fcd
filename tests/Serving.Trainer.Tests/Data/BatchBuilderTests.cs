using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class BatchBuilderTests
{
    [Fact]
    public void Answers_share_the_row_of_their_prompt_and_rows_are_the_positions_that_predict_answer_tokens()
    {
        var groups = new[] { Group("a", [0, 1], prompt: 2), Group("b", [3, 2, 1], prompt: 4) };

        using var batch = new BatchBuilder(2, 0, 1).Build(groups, step: 0);

        Assert.Equal([2, 13], batch.Ids.shape);
        Assert.Equal([10, 11, 40, 2, 43, 44, 2, 0, 0, 0, 0, 0, 0, 10, 11, 12, 13, 40, 2, 43, 44, 2, 46, 47, 48, 2], batch.Ids.data<long>().ToArray());
        Assert.Equal([0, 1, 2, 3, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 4, 5, 6, 4, 5, 6, 7], batch.Positions.data<long>().ToArray());
        Assert.Equal([1, 2, 1, 4, 5, 16, 17, 16, 19, 20, 16, 22, 23, 24], batch.Rows.data<long>().ToArray());
        Assert.Equal([40, 2, 43, 44, 2, 40, 2, 43, 44, 2, 46, 47, 48, 2], batch.Targets.data<long>().ToArray());
        Assert.Equal([0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4], batch.Owners.data<long>().ToArray());
        Assert.Equal(7 + 13, batch.Tokens);
    }

    [Fact]
    public void A_token_sees_the_prompt_and_its_own_answer_up_to_itself()
    {
        using var batch = new BatchBuilder(2, 0, 1).Build([Group("a", [0, 1], prompt: 2)], step: 0);

        var mask = batch.Mask.data<bool>().ToArray();
        int[][] seen = [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 4, 5], [0, 1, 4, 5, 6]];
        for (var token = 0; token < 7; token++)
        {
            Assert.Equal(seen[token], Enumerable.Range(0, 7).Where(other => mask[(token * 7) + other]));
        }
    }

    [Fact]
    public void Answers_that_would_make_a_row_too_long_get_another_row_with_the_prompt_again()
    {
        var group = Group("a", [0, 1, 2], prompt: 300);
        var long_ = group with { Candidates = [.. group.Candidates.Select(candidate => candidate with { Tokens = [.. Enumerable.Repeat(5, 150)] })] };

        using var batch = new BatchBuilder(2, 0, 1).Build([long_], step: 0);

        Assert.Equal([3, 450], batch.Ids.shape);
        Assert.Equal(3, batch.Entries.Count);
        Assert.Equal([299, 749, 1199], batch.Rows.data<long>().ToArray().Where((_, r) => r % 150 == 0));
    }

    [Fact]
    public void With_all_candidates_the_weights_are_the_exact_best_of_n_shares()
    {
        using var batch = new BatchBuilder(2, 0, 1).Build([Group("a", [0, 3, 1, 2])], step: 0);

        Assert.Equal([0, 3, 1, 2], batch.Entries.Select(entry => Math.Round(6 * entry.BestWeight, 12)));
        Assert.Equal([3, 0, 2, 1], batch.Entries.Select(entry => entry.Better));
        Assert.All(batch.Entries, entry => Assert.True(entry is { Others: 3, Uniform: true }));
    }

    /// <summary>Over many steps: the weighted candidate is a Best-of-n draw, and a uniform one stands there regardless of its rank.</summary>
    [Fact]
    public void A_subset_stays_unbiased_for_both_uses()
    {
        const int steps = 6000;
        var group = Group("a", [0, 3, 1, 2, -1, 4]);
        var builder = new BatchBuilder(3, 3, 1);
        var weighted = new double[6];
        var uniform = new double[6];
        for (var step = 0; step < steps; step++)
        {
            using var batch = builder.Build([group], step);
            Assert.Equal(1, batch.Entries.Sum(entry => entry.BestWeight));
            Assert.InRange(batch.Entries.Count, 2, 3);
            foreach (var entry in batch.Entries)
            {
                var index = group.Candidates.ToList().IndexOf(entry.Candidate);
                weighted[index] += entry.BestWeight / steps;
                uniform[index] += entry.Uniform ? 1.0 / steps : 0;
            }
        }

        for (var i = 0; i < 6; i++)
        {
            Assert.Equal(BestOfNWeights.Weight(group.Better(i), 6, 3), weighted[i], .025);
            Assert.Equal(2 / 6.0, uniform[i], .025);
        }
    }

    [Fact]
    public void A_step_draws_the_same_whenever_it_is_built_and_another_step_differs()
    {
        var groups = Enumerable.Range(0, 8).Select(i => Group("g" + i, [0, 3, 1, 2, -1, 4])).ToArray();

        using var batch = new BatchBuilder(4, 3, 9).Build(groups, 5);
        using var again = new BatchBuilder(4, 3, 9).Build(groups, 5);
        using var other = new BatchBuilder(4, 3, 9).Build(groups, 6);

        Assert.Equal(batch.Entries, again.Entries);
        Assert.NotEqual(batch.Entries, other.Entries);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void The_parts_of_a_step_hold_the_candidates_of_the_whole(int parts)
    {
        var groups = Enumerable.Range(0, 8).Select(i => Group("g" + i, [0, 3, 1, 2, -1, 4])).ToArray();
        var builder = new BatchBuilder(4, 3, 9);
        using var whole = builder.Build(groups, 5);
        var entries = new List<BatchEntry>();
        var part = 0;
        foreach (var batch in builder.Build(groups, 5, parts))
        {
            using (batch)
            {
                Assert.Equal(8 / parts, batch.Groups);
                entries.AddRange(batch.Entries.Select(entry => entry with { Group = (entry.Group * parts) + part }));
                part++;
            }
        }

        Assert.Equal(whole.Entries, entries.OrderBy(entry => entry.Group));
    }

    [Fact]
    public void Groups_without_quantiles_take_no_part_in_best_of_n_and_fresh_samples_are_all_kept()
    {
        var builder = new BatchBuilder(2, 2, 1);

        using var batch = builder.Build([Group("a", [0, 1, 2, 3], independent: false), Group("b", [0, 1, 2], independent: false, source: CandidateSource.Anchor)], 0);

        Assert.Equal([2, 3], batch.Entries.GroupBy(entry => entry.Group).Select(group => group.Count()));
        Assert.All(batch.Entries, entry => Assert.True(entry is { BestWeight: 0, Uniform: false, Others: 0 }));
    }
}
