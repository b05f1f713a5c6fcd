using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class SkewDivergenceTests
{
    private static readonly double[] _teacher = [.5, .3, .2];
    private static readonly double[] _student = [.2, .2, .6];

    [Theory]
    [InlineData(.1)]
    [InlineData(.5)]
    [InlineData(.9)]
    public void The_generalised_divergence_is_made_of_two_of_them(double b)
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (Logs(_student).unsqueeze(0), Logs(_teacher).unsqueeze(0));

        var parts = (b * SkewDivergence.Forward(student, teacher, b)) + ((1 - b) * SkewDivergence.Reverse(student, teacher, 1 - b));

        Assert.Equal(JensenShannon.PerToken(student, teacher, b).item<double>(), parts.item<double>(), 1e-15);
    }

    [Fact]
    public void Unskewed_they_are_the_plain_ones_and_skewed_they_are_bounded()
    {
        using var scope = NewDisposeScope();
        var (student, teacher) = (Logs(_student).unsqueeze(0), Logs(_teacher).unsqueeze(0));
        Assert.Equal(.360062441, SkewDivergence.Forward(student, teacher, 0).item<double>(), 1e-9);
        Assert.Equal(.394816205, SkewDivergence.Reverse(student, teacher, 0).item<double>(), 1e-9);

        var (here, there) = (Vector([0, -800]).unsqueeze(0), Vector([-800, 0]).unsqueeze(0));
        Assert.Equal(-Math.Log(.1), SkewDivergence.Forward(here, there, .1).item<double>(), 1e-12);
        Assert.Equal(800, SkewDivergence.Forward(here, there, 0).item<double>(), 1e-9);
        Assert.Throws<ArgumentOutOfRangeException>(() => SkewDivergence.Reverse(here, there, 1));
    }

    [Theory]
    [InlineData(DivergenceFamily.SkewForward)]
    [InlineData(DivergenceFamily.SkewReverse)]
    public void Their_gradient_equals_finite_differences(DivergenceFamily family)
    {
        using var scope = NewDisposeScope();
        var teacher = Vector([.3, -1.2, .8, 2.0, -.5, .1]).view(2, 3);

        var gap = FiniteDifferenceGap(
            [1.1, .2, -.7, .4, .9, -1.3], x => (new TokenDivergence(family, .1).PerToken(x.view(2, 3), teacher, 1.7) * Vector([1, .3])).sum());

        Assert.True(gap < 1e-9, $"gap {gap}");
    }
}
