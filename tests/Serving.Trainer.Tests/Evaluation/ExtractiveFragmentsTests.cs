using Serving.Trainer.Evaluation;

namespace Serving.Trainer.Tests.Evaluation;

public sealed class ExtractiveFragmentsTests
{
    // By hand: fragments of the summary are marked with brackets.
    [Theory]
    [InlineData("the cat sat on the mat", "the cat sat", 1.0, 3.0)]                           // [the cat sat]: 9 / 3
    [InlineData("the cat sat on the mat", "sat the cat", 1.0, 5.0 / 3)]                       // [sat] [the cat]: (1 + 4) / 3
    [InlineData("the cat sat on the mat", "a dog on the mat", 3.0 / 5, 9.0 / 5)]              // a dog [on the mat]: 9 / 5
    [InlineData("a b c x a b c d", "a b c d e", 4.0 / 5, 16.0 / 5)]                           // the longer of two: [a b c d] e
    [InlineData("Real-time strategy game.", "REAL time game", 1.0, 5.0 / 3)]                  // [real time] [game], whatever the case
    [InlineData("nothing in common", "other words", 0.0, 0.0)]
    [InlineData("some text", "", 0.0, 0.0)]
    [InlineData("", "some text", 0.0, 0.0)]
    public void Coverage_and_density_are_those_worked_out_by_hand(string document, string summary, double coverage, double density)
    {
        var fragments = ExtractiveFragments.Of(document, summary);

        Assert.Equal(coverage, fragments.Coverage, 12);
        Assert.Equal(density, fragments.Density, 12);
    }
}
