using Serving.Trainer.Evaluation;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class SynopsisGroupsTests : IDisposable
{
    private static readonly Dictionary<string, string[]> _none = [];

    private readonly TinyTask _task = new();

    [Fact]
    public void A_group_begins_with_the_own_synopsis_which_is_preferred_to_every_other()
    {
        var groups = new SynopsisGroups(_task.Examples, ScorerTask.Reward, _none);

        var group = groups.Draw(7, 4, new Random(1));

        Assert.Equal(_task.Examples[7].Summary, group.Synopses[0]);
        Assert.DoesNotContain(_task.Examples[7].Summary, group.Synopses.Skip(1));
        Assert.Equal([(0, 1), (0, 2), (0, 3)], group.Preferences);
    }

    [Fact]
    public void Two_answers_of_the_policy_are_ordered_by_how_close_they_are_to_the_own_synopsis()
    {
        var own = _task.Examples[0].Summary;
        var close = $"{own} indeed";
        var samples = new Dictionary<string, string[]> { [_task.Examples[0].Id] = ["something else", close] };
        var groups = new SynopsisGroups(_task.Examples, ScorerTask.Reward, samples);

        var group = groups.Draw(0, 12, new Random(2));                           // six draws: both of the two answers

        var synopses = group.Synopses.ToList();
        Assert.True(Rouge.L(close, own) > Rouge.L("something else", own));
        Assert.Equal([(synopses.IndexOf(close), synopses.IndexOf("something else"))], group.Preferences.Where(pair => pair.Better > 0));
        Assert.Contains(SynopsisKind.Sampled, groups.Kinds);
    }

    [Fact]
    public void Answers_are_negatives_of_entailment_only_where_they_invent_a_rare_word()
    {
        var example = _task.Examples[0];
        var other = SynopsisWords.Of(_task.Examples[1].Summary).First(word => word.Length >= 4 && !SynopsisWords.Stems($"{example.Document} {example.Summary}").Contains(SynopsisWords.Stem(word)));
        var invented = new InventedWords(_task.Examples);
        Assert.False(invented.Any(example.Summary, example));
        Assert.False(invented.Any("reads versions", example));                       // stems of "reads version"
        Assert.False(invented.Any($"reads {other}", example));                       // other synopses have it
        Assert.True(invented.Any("reads parquet", example));

        var samples = new Dictionary<string, string[]> { [example.Id] = ["reads versions"] };
        Assert.Null(new SynopsisGroups(_task.Examples, ScorerTask.Entailment, samples).Make(0, SynopsisKind.Invented, new Random(1)));
    }

    [Fact]
    public void Samples_of_several_files_are_joined_and_a_damaged_line_is_named()
    {
        var (first, second, damaged) = (_task.Run("a.jsonl"), _task.Run("b.jsonl"), _task.Run("c.jsonl"));
        File.WriteAllText(first, """{"id":"x","samples":["one",""]}""");
        File.WriteAllText(second, """{"id":"x","samples":["two"]}""");
        File.WriteAllText(damaged, """{"id":"x","samples":["two"]}""" + "\n{\"id\":\"y\"}\n");

        Assert.Equal(["one", "two"], PolicySamples.Read([first, second])["x"]);
        Assert.Contains("c.jsonl, line 2", Assert.Throws<InvalidDataException>(() => PolicySamples.Read([damaged])).Message);
    }

    [Fact]
    public void The_parts_of_the_pairs_share_none_and_leave_none_out()
    {
        var (first, third, fourth) = (Part(PairPart.FirstHalf), Part(PairPart.ThirdQuarter), Part(PairPart.FourthQuarter));

        Assert.NotEmpty(first);
        Assert.NotEmpty(third);
        Assert.NotEmpty(fourth);
        Assert.Equivalent(_task.Examples, first.Concat(third).Concat(fourth), strict: true);
        Assert.Equivalent(Part(PairPart.SecondHalf), third.Concat(fourth), strict: true);
        Assert.Equal(_task.Examples, Part(PairPart.All));

        IReadOnlyList<TaskExample> Part(PairPart part) => PairParts.Of(_task.Examples, part);
    }

    public void Dispose() => _task.Dispose();
}
