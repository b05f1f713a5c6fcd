using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>
/// A student with three shared logits cannot follow its teacher (Best-of-4 of T27, token by token), so where token-level distillation comes to rest
/// depends on the divergence and on whose answers it looks at. The resting points were computed independently.
/// </summary>
public sealed class GkdFixedPointTests
{
    private static readonly double[] _best = BestOfNDistribution.Probabilities(T27, T27Rewards, 4);

    [Theory]
    [InlineData(0, 0, .492059, .307367, .200573, .2110895)]
    [InlineData(0, .5, .467998, .312429, .219573, .2183748)]
    [InlineData(0, 1, .447015, .315566, .237420, .2213684)]
    [InlineData(.1, 0, .494874, .306917, .198209, .0192112)]
    [InlineData(.1, .5, .470086, .313064, .216851, .0198690)]
    [InlineData(.1, 1, .448454, .317129, .234418, .0201395)]
    [InlineData(.5, 0, .507381, .302677, .189942, .0585885)]
    [InlineData(.5, .5, .478412, .313908, .207680, .0606135)]
    [InlineData(.5, 1, .453362, .322586, .224051, .0613968)]
    [InlineData(.9, 0, .538939, .282836, .178225, .0276204)]
    [InlineData(.9, .5, .497671, .305407, .196922, .0288307)]
    [InlineData(.9, 1, .463069, .324949, .211981, .0292361)]
    [InlineData(1, 0, .629598, .218662, .151740, .4491260)]
    [InlineData(1, .5, .571108, .248301, .180591, .4903297)]
    [InlineData(1, 1, .526158, .270495, .203347, .5171995)]
    public void The_student_rests_where_it_should(double beta, double lambda, double a, double b, double c, double loss)
    {
        using var scope = NewDisposeScope();
        double[] tabulated = [a, b, c];

        Assert.Equal(loss, Loss(Logs(tabulated), beta, lambda).item<double>(), 2e-6);
        Near(tabulated, Descend(tabulated, 200, 1, logProbs => Loss(logProbs, beta, lambda)), 2e-6);
        Assert.True(LargestGradient([.33, .33, .34], logProbs => Loss(logProbs, beta, lambda)) > 1e-4);
    }

    [Fact]
    public void The_teacher_of_this_test_is_the_known_one()
    {
        Near([.48484417, .24226840, .27288743], Conditional([]), 1e-8);
        Near([.21843605, .59455468, .18700927], Conditional([0]), 1e-8);
        Near([.12487610, .32945397, .54566993], Conditional([2, 2]), 1e-8);
    }

    /// <summary>(1-lambda) E_teacher + lambda E_student of the mean over three tokens of D, no gradient through whose answers they are.</summary>
    private static Tensor Loss(Tensor logProbs, double beta, double lambda)
    {
        int[][] prefixes = [[], [0], [1], [2], .. Enumerable.Range(0, 9).Select(i => new[] { i / 3, i % 3 })];
        var student = Values(logProbs.exp());
        var weights = prefixes.Select(prefix =>
            (((1 - lambda) * Mass(prefix)) + (lambda * prefix.Aggregate(1.0, (product, token) => product * student[token]))) / 3);
        var teacher = stack(prefixes.Select(prefix => Logs(Conditional(prefix))));       // [13, 3]
        return (JensenShannon.PerToken(logProbs.unsqueeze(0).expand(13, 3), teacher, beta) * Vector(weights)).sum();
    }

    private static double Mass(int[] prefix) =>
        Enumerable.Range(0, 27).Where(i => prefix.Zip([i / 9, i / 3 % 3, i % 3]).All(pair => pair.First == pair.Second)).Sum(i => _best[i]);

    private static double[] Conditional(int[] prefix) => [.. Enumerable.Range(0, 3).Select(token => Mass([.. prefix, token]) / Mass(prefix))];
}
