using Serving.Trainer.Evaluation;

namespace Serving.Trainer.Tests.Evaluation;

public sealed class RougeTests
{
    [Theory]
    [InlineData("the cat sat", "the cat sat", 1, 1)]
    [InlineData("The CAT, sat!", "the cat sat", 2, 1)]
    [InlineData("the cat sat", "the cat ran away", 1, 4.0 / 7)]
    [InlineData("the cat sat", "the cat ran away", 2, 2.0 / 5)]
    [InlineData("the the the", "the cat", 1, 2.0 / 5)]
    [InlineData("", "the cat", 1, 0)]
    public void N_gram_overlap_is_F1_with_clipped_counts(string candidate, string reference, int n, double expected)
    {
        Assert.Equal(expected, Rouge.N(candidate, reference, n), 12);
    }

    [Theory]
    [InlineData("a b c d", "a x c d", 6.0 / 8)]
    [InlineData("d c b a", "a b c d", 2.0 / 8)]
    [InlineData("x", "y", 0)]
    public void Longest_common_subsequence_keeps_order(string candidate, string reference, double expected)
    {
        Assert.Equal(expected, Rouge.L(candidate, reference), 12);
    }

    [Fact]
    public void A_bootstrap_interval_holds_the_mean_and_narrows_with_more_values()
    {
        var random = new Random(1);
        double[] values = [.. Enumerable.Range(0, 1600).Select(_ => random.NextDouble())];
        var (few, many) = (BootstrapInterval.Of(values[..100]), BootstrapInterval.Of(values));

        Assert.InRange(many.Mean, many.Lower, many.Upper);
        Assert.True(many.Upper - many.Lower < (few.Upper - few.Lower) / 2);
        Assert.Equal(1.96 * Math.Sqrt(1.0 / 12 / 1600) * 2, many.Upper - many.Lower, 2);
    }
}
