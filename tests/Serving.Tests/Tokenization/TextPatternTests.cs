using System.Globalization;
using Serving.Tokenization.Splitting;

namespace Serving.Tests.Tokenization;

/// <summary>Oniguruma's syntax and Unicode's characters on .NET's regular expressions.</summary>
public sealed class TextPatternTests
{
    [Theory]
    [InlineData("a++a", "aaa", "")]                                  // possessive: nothing is given back
    [InlineData("a+a", "aaa", "aaa")]
    [InlineData("[ab]?+b", "ab b", "ab")]
    [InlineData("(?i:'s|'t)", "'S 'T 'ſ 's", "'S|'T|'ſ|'s")]
    [InlineData("(?i)k+x", "kKKX", "kKKX")]
    [InlineData(@"\p{L}+", "a𝒳b 𠀀 é1", "a𝒳b|𠀀|é")]
    [InlineData(@"\p{^L}+|\P{L}", "a12b", "12")]
    [InlineData(@"\p{N}", "1𝟘½x", "1|𝟘|½")]
    [InlineData(@"[^\s\p{L}\p{N}]+", "a😀👩‍🚀b", "😀👩‍🚀")]
    [InlineData(@"\w+", "a_1Ⓐ🅰é\u0301-b", "a_1Ⓐ🅰é\u0301|b")]
    [InlineData(@"\W+", "a -b", " -")]
    [InlineData("^b$", "a\nb\nc", "b")]
    [InlineData("a.c", "abc a\nc", "abc")]
    [InlineData("x{2}|y{,2}z|q{1,2}?", "xx yyz z qq", "xx|yyz|z|q|q")]
    [InlineData("a{b|{x}", "a{b {x}", "a{b|{x}")]
    [InlineData(@"[a\-c]+|[-z]+|[+-]+", "a-c -z +-", "a-c|-|z|+-")]
    [InlineData(@"\x41|\x{e9}|\u65e5", "Aé日", "A|é|日")]
    [InlineData(@"\bb\b", "ab b", "b")]
    [InlineData(@"(a|b)(?=c)|(?<=c)d|(?<!x)y(?!z)", "ac cd y yz xy", "a|d|y")]
    [InlineData(@"\s+(?!\S)|\s+", "a   b ", "  | | ")]
    public void Patterns_match_as_in_the_library(string pattern, string text, string matches)
    {
        var found = new TextPattern(pattern, "test").Find(text).Where(match => match.End > match.Start).Select(match => text[match.Start..match.End]);

        Assert.Equal(matches, string.Join('|', found));
    }

    [Theory]
    [InlineData("(a", "not closed")]
    [InlineData("a)", "unmatched \")\" at character 1")]
    [InlineData("[ab", "not closed")]
    [InlineData("*a", "nothing to repeat")]
    [InlineData("a{2}?", "the second quantifier \"?\" at character 4")]
    [InlineData("a{1,2}+", "the second quantifier")]
    [InlineData("a**", "the second quantifier")]
    [InlineData("a{1001}", "more than 1000 repeats")]
    [InlineData(@"(a)\1", @"the escape ""\1"" at character 3")]
    [InlineData(@"\h", "the escape")]
    [InlineData(@"\X", "the escape")]
    [InlineData("[[:alpha:]]", "inside a class")]
    [InlineData("[a&&b]", "inside a class")]
    [InlineData(@"\p{Script=Han}", "the property")]
    [InlineData("(?m:a)", "the group")]
    [InlineData("😀", "above U+FFFF")]
    [InlineData("\\", "the lone")]
    [InlineData("[z-a]", "reverse order")]
    public void What_has_no_exact_counterpart_is_refused(string pattern, string named)
    {
        Assert.Contains(named, Assert.Throws<RegexTranslationException>(() => new TextPattern(pattern, "test")).Message);
    }

    [Fact]
    public void Size_and_nesting_of_a_pattern_are_bounded()
    {
        Assert.Contains("longer than", Assert.Throws<RegexTranslationException>(() => new TextPattern(new string('a', 5_000), "test")).Message);
        Assert.Contains(
            "nested", Assert.Throws<RegexTranslationException>(() => new TextPattern(new string('(', 2_000) + new string(')', 2_000), "test")).Message);
    }

    [Fact]
    public void Every_category_has_a_stand_in_of_that_category()
    {
        Assert.All(
            Enum.GetValues<UnicodeCategory>(), category => Assert.Equal(category, AstralShadow.CategoryOfStandIn(category)));
    }
}
