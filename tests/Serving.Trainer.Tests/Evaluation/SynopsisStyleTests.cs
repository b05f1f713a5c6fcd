using Serving.Trainer.Evaluation;

namespace Serving.Trainer.Tests.Evaluation;

public sealed class SynopsisStyleTests
{
    [Theory]
    [InlineData("Real-time strategy game of ancient warfare", SynopsisViolations.None)]
    [InlineData("A game of ancient warfare", SynopsisViolations.LeadingArticle)]
    [InlineData("another game", SynopsisViolations.None)]
    [InlineData("0ad", SynopsisViolations.PackageName)]
    [InlineData("0AD: ancient warfare", SynopsisViolations.PackageName)]
    [InlineData("0adventures in time", SynopsisViolations.None)]
    [InlineData("0ad is a game of warfare.", SynopsisViolations.PackageName | SynopsisViolations.IsA | SynopsisViolations.FinalStop)]
    [InlineData("Tools for maps, etc...", SynopsisViolations.None)]
    [InlineData("The game is the best", SynopsisViolations.LeadingArticle | SynopsisViolations.IsA)]
    [InlineData("", SynopsisViolations.None)]
    public void Each_rule_is_seen(string answer, SynopsisViolations expected)
    {
        Assert.Equal(expected, SynopsisStyle.Check("0ad", answer));
    }

    [Fact]
    public void Eighty_characters_are_enough()
    {
        Assert.Equal(SynopsisViolations.None, SynopsisStyle.Check("x", new string('y', 80)));
        Assert.Equal(SynopsisViolations.TooLong, SynopsisStyle.Check("x", new string('y', 81)));
    }
}
