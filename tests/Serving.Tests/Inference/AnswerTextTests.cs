using System.Text;
using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class AnswerTextTests
{
    [Fact]
    public void A_stop_string_that_is_split_over_tokens_ends_the_text_before_it()
    {
        var text = new AnswerText(["\n\n", "END"]);
        Assert.False(text.Append("one E"u8));
        Assert.False(text.Append("N"u8));
        Assert.Equal("one ", text.Take(finished: false));
        Assert.True(text.Append("D of it"u8));
        Assert.Equal("one ", text.ToString());
        Assert.Equal("", text.Take(finished: true));
    }

    [Fact]
    public void What_could_have_become_a_stop_string_is_handed_out_once_it_has_not()
    {
        var text = new AnswerText(["END"]);
        text.Append("E"u8);
        Assert.Equal("", text.Take(finished: false));
        text.Append("NE"u8);
        Assert.Equal("EN", text.Take(finished: false));       // the last E may begin another
        text.Finish();
        Assert.Equal("E", text.Take(finished: true));
        Assert.Equal("ENE", text.ToString());
    }

    [Fact]
    public void The_earliest_stop_string_counts()
    {
        var text = new AnswerText(["c", "ab"]);
        Assert.True(text.Append("xabc"u8));
        Assert.Equal("x", text.ToString());
    }

    [Fact]
    public void Characters_split_over_tokens_come_out_whole_and_an_unfinished_one_as_a_replacement()
    {
        var text = new AnswerText([]);
        var bytes = Encoding.UTF8.GetBytes("é€😀");
        var parts = new StringBuilder();
        foreach (var one in bytes)
        {
            text.Append([one]);
            parts.Append(text.Take(finished: false));
            Assert.DoesNotContain('\uFFFD', parts.ToString());
        }

        text.Append([0xE2, 0x82]);
        text.Finish();
        parts.Append(text.Take(finished: true));
        Assert.Equal("é€😀\uFFFD", parts.ToString());
        Assert.Equal(parts.ToString(), text.ToString());
    }

    [Fact]
    public void Long_texts_keep_every_character()
    {
        var text = new AnswerText(["never"]);
        var expected = new StringBuilder();
        for (var i = 0; i < 2000; i++)
        {
            text.Append(Encoding.UTF8.GetBytes($"{i} nev "));
            expected.Append(System.Globalization.CultureInfo.InvariantCulture, $"{i} nev ");
        }

        Assert.Equal(expected.ToString(), text.ToString());
    }
}
