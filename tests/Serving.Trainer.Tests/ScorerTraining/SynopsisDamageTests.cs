using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class SynopsisDamageTests : IDisposable
{
    private const string Synopsis = "fast viewer for large trees of data";

    private readonly TinyTask _task = new();

    [Fact]
    public void Swapping_changes_one_or_two_words_and_keeps_the_others_in_place()
    {
        var damage = new SynopsisDamage(_task.Examples);
        for (var seed = 0; seed < 50; seed++)
        {
            var words = damage.Swap(Synopsis, new Random(seed)).Split(' ');
            var changed = words.Zip(Synopsis.Split(' ')).Count(pair => pair.First != pair.Second);

            Assert.Equal(7, words.Length);
            Assert.InRange(changed, 0, 2);
        }
    }

    [Fact]
    public void Truncating_keeps_a_beginning()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var shorter = SynopsisDamage.Truncate(Synopsis, new Random(seed));

            Assert.StartsWith(shorter, Synopsis);
            Assert.True(shorter.Length is > 0 && shorter.Length < Synopsis.Length);
        }
    }

    [Fact]
    public void Repeating_says_a_run_of_words_twice()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var words = SynopsisDamage.Repeat(Synopsis, new Random(seed)).Split(' ');
            var extra = words.Length - 7;

            Assert.InRange(extra, 1, 4);
            Assert.Contains(Enumerable.Range(0, 8 - extra), at => words.AsSpan(at, extra).SequenceEqual(words.AsSpan(at + extra, extra)));
        }
    }

    [Fact]
    public void The_first_sentence_ends_at_its_full_stop()
    {
        Assert.Equal("It reads maps.", SynopsisDamage.FirstSentence("It reads maps. And draws them."));
        Assert.Equal("no stop at all", SynopsisDamage.FirstSentence("no stop\nat all"));
    }

    [Fact]
    public void Retrieval_finds_others_that_share_words_with_the_description_but_not_most_of_the_synopsis()
    {
        var retrieval = new SynopsisRetrieval(_task.Examples);

        var near = retrieval.Nearest(3, most: 4);

        Assert.NotEmpty(near);
        Assert.DoesNotContain(3, near);
        Assert.All(near, other =>
        {
            var shared = SynopsisWords.Of(_task.Examples[other].Summary).Intersect(SynopsisWords.Of(_task.Examples[3].Document));
            Assert.NotEmpty(shared);
        });
    }

    [Fact]
    public void Recombining_joins_the_beginning_of_one_with_the_end_of_another()
    {
        Assert.Equal("fast viewer for large old maps", SynopsisDamage.Recombine(Synopsis, "editor of old maps"));
    }

    public void Dispose() => _task.Dispose();
}
