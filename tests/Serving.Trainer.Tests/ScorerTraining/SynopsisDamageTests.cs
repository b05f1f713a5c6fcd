using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class SynopsisDamageTests : IDisposable
{
    private const string Synopsis = "fast viewer for large trees of data";

    private readonly TinyTask _task = new();

    [Fact]
    public void Swapping_puts_one_or_two_words_that_the_description_lacks_in_the_place_of_others()
    {
        var damage = new SynopsisDamage(_task.Examples);
        var taken = SynopsisWords.Of(_task.Examples[0].Summary)[0];
        for (var seed = 0; seed < 50; seed++)
        {
            var words = damage.Swap(Synopsis, $"It knows {taken}.", new Random(seed))!.Split(' ');
            var changed = words.Zip(Synopsis.Split(' ')).Where(pair => pair.First != pair.Second).Select(pair => pair.First).ToArray();

            Assert.Equal(7, words.Length);
            Assert.InRange(changed.Length, 1, 2);
            Assert.DoesNotContain(taken, changed, StringComparer.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void A_number_is_swapped_for_a_number_and_a_name_for_a_name()
    {
        var damage = new SynopsisDamage([Example("a", "version 2017 of Parquet"), Example("b", "Ogre 1984 reader")]);
        var swapped = Enumerable.Range(0, 50).Select(seed => damage.Swap("Parquet 2017", "nothing", new Random(seed))).Distinct().Order(StringComparer.Ordinal);

        Assert.Equal(["Ogre 1984", "Ogre 2017", "Parquet 1984"], swapped);
    }

    [Fact]
    public void What_has_no_word_of_content_or_none_to_put_there_is_not_swapped()
    {
        var damage = new SynopsisDamage([Example("a", "reads maps")]);

        Assert.Null(damage.Swap("a bit", "nothing", new Random(1)));
        Assert.Null(new SynopsisDamage([Example("a", "a  1")]).Swap("a  7", "It has 1.", new Random(1)));        // two spaces hold no word
        Assert.Null(damage.Swap("old trees", "It reads maps.", new Random(1)));
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

    private static TaskExample Example(string id, string summary) => new(id, "utils", "", summary);

    public void Dispose() => _task.Dispose();
}
