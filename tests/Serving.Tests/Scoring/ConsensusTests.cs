using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ConsensusTests
{
    [Fact]
    public void Agreement_is_the_mean_f1_of_words()
    {
        // Two of two words shared with three: precision 1, recall 2/3; nothing shared with the second.
        Assert.Equal((float)((0.8 + 0) / 2), Consensus.Of("parser for", ["Parser for dates.", "games"]));
    }

    [Theory]
    [InlineData("a a b", "a b b", 2 / 3.0)]        // counted as often as both have it
    [InlineData("", "", 0)]
    [InlineData("...", "a", 0)]
    [InlineData("ÉCOLE", "école", 1)]
    public void Words_count_as_often_as_both_have_them(string one, string other, double expected)
    {
        Assert.Equal((float)expected, Consensus.Of(one, [other]));
        Assert.Equal((float)expected, Consensus.Of(other, [one]));
    }

    [Fact]
    public void Within_a_group_everyone_is_compared_with_all_others()
    {
        var random = new Random(3);
        string[] answers = [.. Enumerable.Range(0, 40).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(6)).Select(_ => (char)('a' + random.Next(5)))))];

        var agreement = Consensus.Within(answers);

        for (var i = 0; i < answers.Length; i++)
        {
            Assert.Equal(Consensus.Of(answers[i], [.. answers.Where((_, j) => j != i)]), agreement[i], 1e-6);
        }

        Assert.Contains(agreement, value => value > 0.3f);
    }

    [Fact]
    public void An_answer_without_others_agrees_with_nobody()
    {
        Assert.Equal(0, Consensus.Of("games", []));
        Assert.Equal([0], Consensus.Within(["games"]));
        Assert.Empty(Consensus.Within([]));
    }

    [Theory]
    [InlineData("C++-library (2.0), naïve", new[] { "c", "library", "2", "0", "naïve" })]
    [InlineData("東京タワーTokyo", new[] { "東", "京", "タ", "ワ", "ー", "tokyo" })]
    [InlineData("हिन्दी पाठ", new[] { "हिन्दी", "पाठ" })]                                    // combining marks stay in their word
    [InlineData("\ud83d\ude00 smile \ud800", new[] { "smile" })]
    public void Words_are_runs_of_letters_marks_and_digits_and_single_characters_where_no_spaces_are_written(string text, string[] words)
    {
        Assert.Equal(words, Words.Of(text));
    }
}
