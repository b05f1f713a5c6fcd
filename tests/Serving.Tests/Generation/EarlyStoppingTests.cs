using Microsoft.Extensions.Options;
using Serving.Generation;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class EarlyStoppingTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(2, new[] { 1, 2 })]
    [InlineData(5, new[] { 3, 4, 5 })]
    [InlineData(16, new[] { 8, 10, 12, 14, 16 })]
    [InlineData(64, new[] { 32, 40, 48, 56, 64 })]
    public void The_rule_looks_after_half_and_then_in_steps(int n, int[] sizes)
    {
        Assert.Equal(sizes, EarlyStopping.Sizes(n));
    }

    [Fact]
    public void Nothing_stops_before_enough_groups_are_known_and_then_at_the_quantile_of_recent_ones()
    {
        var values = Values(0.5);
        for (var i = 0; i < ReservationValues.Least; i++)
        {
            Assert.Null(values.Of("policy", "card", 16));
            values.Add("policy", "card", 16, i);
        }

        Assert.Equal(16, values.Of("policy", "card", 16)!.Value, 1.0);
        Assert.Null(values.Of("policy", "card", 4));                // the best of four is worth less
        Assert.Null(values.Of("policy", "other", 16));
        Assert.Null(values.Of("other", "card", 16));
        for (var i = 0; i < 1000; i++)
        {
            values.Add("policy", "card", 16, 100);
        }

        Assert.Equal(100, values.Of("policy", "card", 16));            // old groups are forgotten
    }

    [Fact]
    public void Groups_that_stopped_leave_the_value_where_it_is()
    {
        // Best totals are uniform in 0..1; a group that reaches the value early reports what it had then.
        var (values, random) = (Values(0.5), new Random(5));
        for (var i = 0; i < 20_000; i++)
        {
            var (early, whole) = (random.NextDouble(), random.NextDouble());
            var best = Math.Max(early, whole);
            values.Add("p", "c", 8, early >= values.Of("p", "c", 8) ? early : best);
        }

        Assert.InRange(values.Of("p", "c", 8)!.Value, Math.Sqrt(0.5) - 0.1, Math.Sqrt(0.5) + 0.1);
    }

    private static ReservationValues Values(double quantile) => new(Options.Create(new GenerationOptions { EarlyStopQuantile = quantile }));
}
