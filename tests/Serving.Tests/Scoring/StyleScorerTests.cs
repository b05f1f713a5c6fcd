using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class StyleScorerTests
{
    private const string Source = "abGate is a LV2 noise gate plugin. It manages noise.";

    [Theory]
    [InlineData("LV2 noise gate plugin", StyleViolations.None)]
    [InlineData("Perl module to parse dates, times etc..", StyleViolations.None)]
    [InlineData("the noise gate plugin", StyleViolations.LeadingArticle)]
    [InlineData("An LV2 noise gate", StyleViolations.LeadingArticle)]
    [InlineData("another noise gate", StyleViolations.None)]
    [InlineData("LV2 noise gate plugin.", StyleViolations.FinalStop)]
    [InlineData("noise gate", StyleViolations.TooFewWords)]
    [InlineData("", StyleViolations.TooFewWords)]
    [InlineData("a.", StyleViolations.LeadingArticle | StyleViolations.FinalStop | StyleViolations.TooFewWords)]
    [InlineData("one two three four five six seven eight nine ten eleven 12 xiii", StyleViolations.TooManyWords | StyleViolations.TooManyCharacters)]
    [InlineData("noise gate plugin with an extraordinarily long explanation at", StyleViolations.TooManyCharacters)]
    [InlineData("Tryton platform - Tryton platform", StyleViolations.Repetition)]
    [InlineData("plugin for for noise", StyleViolations.Repetition)]
    [InlineData("plugins for noise, tools for sound", StyleViolations.None)]
    [InlineData("C++ C C# bindings", StyleViolations.None)]
    [InlineData("abgate is a LV2 noise gate plugin", StyleViolations.CopiesFirstSentence)]
    [InlineData("it manages noise", StyleViolations.None)]
    public async Task Each_broken_rule_costs_the_penalty(string answer, StyleViolations broken)
    {
        var scorer = new StyleScorer(new StyleOptions { Penalty = 0.5f });

        Assert.Equal(broken, scorer.Check(Source, answer));
        var score = await scorer.ScoreAsync(Source, answer, TestContext.Current.CancellationToken);
        Assert.Equal(-0.5f * int.PopCount((int)broken), score);
        Assert.False(float.IsNegative(score) && score == 0);
    }

    [Fact]
    public void Limits_are_settings_and_settings_change_the_digest()
    {
        var usual = new StyleScorer(new StyleOptions());
        var shorter = new StyleScorer(new StyleOptions { MaxCharacters = 10 });

        Assert.Equal(StyleViolations.TooManyCharacters, shorter.Check(Source, "LV2 noise gate plugin"));
        Assert.NotEqual(usual.Digest, shorter.Digest);
        Assert.Equal(usual.Digest, new StyleScorer(new StyleOptions()).Digest);
    }
}
