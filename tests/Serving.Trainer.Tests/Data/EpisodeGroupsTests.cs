using Serving.Trainer.Data;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class EpisodeGroupsTests
{
    [Fact]
    public void A_group_keeps_prompt_answers_sampling_log_probs_and_rewards()
    {
        var group = EpisodeGroups.Read(Episode("e1", [.5, -1, 2]), "anchor")!;

        Assert.Equal([1, 30, 31, 3], group.Prompt);
        Assert.Equal("source of e1", group.Source);
        Assert.Equal([-1.0, -1.5, -2.0], group.Candidates.Select(candidate => candidate.SampledLogProb));
        Assert.Equal([.5, -1, 2], group.Candidates.Select(candidate => candidate.Reward));
        Assert.Equal([1, 2, 0], Enumerable.Range(0, 3).Select(group.Better));
        Assert.True(group.HasQuantiles);
    }

    [Fact]
    public void Ties_are_broken_by_keys_that_every_run_derives_alike()
    {
        var first = EpisodeGroups.Read(Episode("e1", [1, 1, 1, 1, 1]), null)!;
        var again = EpisodeGroups.Read(Episode("e1", [1, 1, 1, 1, 1]), null)!;
        var other = EpisodeGroups.Read(Episode("e2", [1, 1, 1, 1, 1]), null)!;

        Assert.Equal([0, 1, 2, 3, 4], Enumerable.Range(0, 5).Select(first.Better).Order());
        Assert.Equal(first.Candidates.Select(c => c.TieKey), again.Candidates.Select(c => c.TieKey));
        Assert.NotEqual(Enumerable.Range(0, 5).Select(first.Better), Enumerable.Range(0, 5).Select(other.Better));
    }

    [Theory]
    [InlineData("anchor", "anchor@3", true)]
    [InlineData("anchor", "anchor-large@3", false)]
    [InlineData("anchor", "student@1", false)]
    [InlineData(null, "student@1", true)]
    public void Only_draws_of_the_wanted_policy_are_read(string? wanted, string policy, bool read)
    {
        Assert.Equal(read, EpisodeGroups.Read(Episode("e", [0, 1], policy), wanted) is not null);
    }

    [Fact]
    public void Groups_that_were_stopped_early_or_have_one_answer_have_no_quantiles()
    {
        Assert.False(EpisodeGroups.Read(Episode("e", [0, 1], independent: false), null)!.HasQuantiles);
        Assert.False(EpisodeGroups.Read(Episode("e", [0]), null)!.HasQuantiles);
    }

    [Fact]
    public void Episodes_with_nothing_to_learn_from_are_left_out()
    {
        Assert.Null(EpisodeGroups.Read(Episode("e", [0, double.NaN]), null));
        Assert.Null(EpisodeGroups.Read(Episode("e", []), null));
        Assert.Null(EpisodeGroups.Read(Episode("e", [0, 1]) with { Invalid = true }, null));
    }
}
