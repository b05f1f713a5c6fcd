using Serving.Generation;
using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class BestOfNTests
{
    [Theory]
    [InlineData(new[] { 0.5 }, 0)]
    [InlineData(new[] { -3.0, -1.0, -2.0 }, 1)]
    [InlineData(new[] { 1.0, 2.0, 2.0, 0.0 }, 1)]                      // a tie goes to the lowest index
    [InlineData(new[] { 0.0, -0.0 }, 0)]
    [InlineData(new[] { -1e6, -1e6 }, 0)]
    public void The_highest_total_wins_and_a_tie_goes_to_the_lowest_index(double[] totals, int expected) =>
        Assert.Equal(expected, BestOfN.Select(Scores(totals)));

    [Fact]
    public void The_ranking_is_descending_and_stable() =>
        Assert.Equal([3, 1, 2, 0, 4], BestOfN.Rank(Scores(0, 1, 1, 5, 0)));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_total_that_is_no_number_has_no_rank(double total) =>
        Assert.Contains("candidate 1", Assert.Throws<ArgumentException>(() => BestOfN.Rank(Scores(0, total))).Message, StringComparison.Ordinal);

    [Fact]
    public void An_empty_group_has_no_best() => Assert.Throws<ArgumentException>(() => BestOfN.Select([]));

    private static Score[] Scores(params double[] totals) => [.. totals.Select(t => new Score(t, []))];
}
