using Serving.Experiments;

namespace Serving.Tests.Experiments;

/// <summary>The sequences give the numbers that their authors' code or an independent calculation gives, and hold at every time at once.</summary>
public sealed class SequenceTests
{
    // The stream of the golden numbers.
    private static IEnumerable<double> Stream(int count) => Enumerable.Range(1, count).Select(t => 7 * t % 10 / 9.0);

    [Theory]
    [InlineData(10, 0, 1)]
    [InlineData(100, 0.38209727, 0.61645796)]
    [InlineData(1000, 0.46282215, 0.53740074)]
    public void The_paired_interval_has_its_golden_numbers(int count, double lower, double upper)
    {
        var sequence = new PairedInterval(0.05);
        foreach (var x in Stream(count))
        {
            sequence.Add(x);
        }

        Assert.Equal((lower, upper), Rounded(sequence.Value, 8));
        Assert.Equal(count, sequence.Count);
    }

    [Theory]
    [InlineData(100, 0.26736399, 0.73263601)]
    [InlineData(1000, 0.44938060, 0.55061940)]
    public void The_stitched_interval_has_its_golden_numbers(int count, double lower, double upper)
    {
        var sequence = new StitchedInterval(0.05);
        foreach (var x in Stream(count))
        {
            sequence.Add(x);
        }

        Assert.Equal((lower, upper), Rounded(sequence.Value, 8));
    }

    [Theory]
    [InlineData(3, 64.48755)]
    [InlineData(-1, 28.99389)]
    public void The_stitched_boundary_has_the_numbers_of_its_authors_unit_tests(double scale, double expected) =>
        Assert.Equal(expected, new StitchedBoundary(0.05, scale, tightest: 10).At(100), 5);

    [Fact]
    public void Differences_are_the_same_sequence_on_a_scale_twice_as_wide()
    {
        var (shares, differences) = (new PairedInterval(0.05), new PairedInterval(0.05));
        var (drifting, driftingDifferences) = (new StitchedInterval(0.05), new StitchedInterval(0.05));
        foreach (var x in Stream(300))
        {
            var (share, stitched) = (shares.Add(x), drifting.Add(x));
            var (difference, stitchedDifference) = (differences.AddDifference((2 * x) - 1), driftingDifferences.AddDifference((2 * x) - 1));

            Assert.Equal((2 * share.Lower) - 1, difference.Lower, 12);
            Assert.Equal((2 * share.Upper) - 1, difference.Upper, 12);
            Assert.Equal((2 * stitched.Lower) - 1, stitchedDifference.Lower, 12);
            Assert.Equal((2 * stitched.Upper) - 1, stitchedDifference.Upper, 12);
        }

        Assert.Equal((2 * shares.Mean) - 1, differences.MeanDifference, 12);
    }

    [Fact]
    public void Before_the_first_value_nothing_is_ruled_out()
    {
        Assert.Equal((new Interval(0, 1), new Interval(-1, 1)), (new PairedInterval(0.05).Value, new PairedInterval(0.05).Difference));
        Assert.Equal((new Interval(0, 1), new Interval(-1, 1)), (new StitchedInterval(0.05).Value, new StitchedInterval(0.05).Difference));
        Assert.Equal(new Interval(0, 1), new WinRateInterval(0.05).Value);
        Assert.Equal(new Interval(-1, 1), new UnpairedDifference(0.05, 0.5).Value);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.001)]
    [InlineData(1.001)]
    [InlineData(double.PositiveInfinity)]
    public void A_value_beyond_the_bounds_is_refused(double x)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PairedInterval(0.05).Add(x));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StitchedInterval(0.05).Add(x));
        Assert.Throws<ArgumentOutOfRangeException>(() => new UnpairedDifference(0.05, 0.5).Add(true, x));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PairedInterval(0.05).AddDifference((2 * x) - 1));
    }

    [Theory]
    [InlineData(60, 40, 0.4343147, 0.7514298, -0.5173945)]
    [InlineData(600, 400, 0.5426917, 0.6555352, 16.4555876)]
    [InlineData(520, 480, 0.4622870, 0.5773584, -2.8797058)]
    [InlineData(0, 5, 0, 0.5850325, double.NaN)]
    public void The_win_rate_has_its_golden_numbers(int wins, int losses, double lower, double upper, double evidence)
    {
        var sequence = new WinRateInterval(0.05);
        for (var i = 0; i < wins + losses; i++)
        {
            sequence.Add(i < wins ? 0.25 : -0.5);
        }

        Assert.Equal((lower, upper), Rounded(sequence.Value, 7));
        Assert.Equal((wins, 0, losses), (sequence.Wins, sequence.Ties, sequence.Losses));
        if (!double.IsNaN(evidence))
        {
            Assert.Equal(evidence, sequence.LogEvidence, 7);
        }
    }

    [Fact]
    public void Ties_are_counted_and_do_not_move_the_rate()
    {
        var sequence = new WinRateInterval(0.05);
        for (var i = 0; i < 60; i++)
        {
            sequence.Add(i % 3 - 1);
        }

        var (rate, bounds) = (sequence.Rate, sequence.Value);
        sequence.Add(0);

        Assert.Equal((20, 21, 20), (sequence.Wins, sequence.Ties, sequence.Losses));
        Assert.Equal((rate, bounds), (sequence.Rate, sequence.Value));
    }

    [Fact]
    public void The_p_value_never_grows()
    {
        var sequence = new WinRateInterval(0.05);
        for (var i = 0; i < 40; i++)
        {
            sequence.Add(1);
        }

        var smallest = sequence.PValue;
        for (var i = 0; i < 40; i++)
        {
            sequence.Add(-1);
        }

        Assert.True(smallest < 1e-6);
        Assert.Equal(smallest, sequence.PValue);
        Assert.True(Math.Exp(-sequence.LogEvidence) > 1);
    }

    [Fact]
    public void The_win_rate_mixture_is_a_martingale()
    {
        // Its expectation under a rate of 1/2 after 30 results, over all of them.
        const int Results = 30;
        var expectation = Enumerable.Range(0, Results + 1).Sum(wins =>
        {
            var sequence = new WinRateInterval(0.05);
            for (var i = 0; i < Results; i++)
            {
                sequence.Add(i < wins ? 1 : -1);
            }

            var ways = LogGamma.Of(Results + 1) - LogGamma.Of(wins + 1) - LogGamma.Of(Results - wins + 1);
            return Math.Exp(sequence.LogEvidence + ways - (Results * Math.Log(2)));
        });

        Assert.Equal(1, expectation, 10);
    }

    [Theory]
    [InlineData(50, 50, -0.347824, false)]
    [InlineData(60, 40, 0.658892, false)]
    [InlineData(550, 450, 3.354668, false)]
    [InlineData(5500, 5000, 9.463748, true)]
    [InlineData(105000, 100000, 57.136675, true)]
    public void The_sample_ratio_has_its_golden_numbers(int first, int second, double evidence, bool alarmed)
    {
        var test = new SampleRatio(0.5, 0.5);
        test.Add(0, first);
        test.Add(1, second);

        Assert.Equal(evidence, test.LogEvidence, 6);
        Assert.Equal(alarmed, test.IsAlarmed);
        Assert.Equal((first, second), (test.Count(0), test.Count(1)));
    }

    [Fact]
    public void The_sample_ratio_is_a_martingale_and_one_by_one_is_the_same_as_at_once()
    {
        const int Assignments = 20;
        var expectation = Enumerable.Range(0, Assignments + 1).Sum(first =>
        {
            var (once, each) = (new SampleRatio(0.9, 0.1), new SampleRatio(0.9, 0.1));
            for (var i = 0; i < Assignments; i++)
            {
                each.Add(i < first ? 0 : 1);
            }

            once.Add(0, Math.Max(first, 1));
            once.Add(1, Math.Max(Assignments - first, 1));
            if (first is > 0 and < Assignments)
            {
                Assert.Equal(once.LogEvidence, each.LogEvidence, 10);
            }

            var ways = LogGamma.Of(Assignments + 1) - LogGamma.Of(first + 1) - LogGamma.Of(Assignments - first + 1);
            return Math.Exp(each.LogEvidence + ways + (first * Math.Log(0.9)) + ((Assignments - first) * Math.Log(0.1)));
        });

        Assert.Equal(1, expectation, 10);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.5, 0.6)]
    [InlineData(1.0, 0.0)]
    [InlineData(1.5, -0.5)]
    public void Shares_that_are_no_plan_are_refused(params double[] shares) => Assert.Throws<ArgumentException>(() => new SampleRatio(shares));

    [Fact]
    public void The_error_of_all_versions_together_is_the_family_error()
    {
        Assert.Equal(0.05 * 6 / (Math.PI * Math.PI), AlphaSpending.Of(0.05, 1), 15);
        Assert.Equal(AlphaSpending.Of(0.05, 1) / 9, AlphaSpending.Of(0.05, 3), 15);
        Assert.Equal(0.05, Enumerable.Range(1, 1_000_000).Sum(k => AlphaSpending.Of(0.05, k)), 7);
        Assert.Throws<ArgumentOutOfRangeException>(() => AlphaSpending.Of(0.05, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => AlphaSpending.Of(1, 1));
    }

    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.1, 0.3)]
    public void The_unpaired_difference_holds_the_true_one_at_every_step_and_closes_in_on_it(double share, double effect)
    {
        var missed = 0;
        var widths = 0.0;
        const int Streams = 100;
        for (var stream = 0; stream < Streams; stream++)
        {
            var random = new Random(stream);
            var sequence = new UnpairedDifference(0.05, share);
            var held = true;
            for (var t = 0; t < 4000; t++)
            {
                var isCandidate = random.NextDouble() < share;
                var bounds = sequence.Add(isCandidate, random.NextDouble() < 0.5 + (isCandidate ? effect : 0) ? 1 : 0);
                held &= bounds.Lower <= effect && effect <= bounds.Upper;
            }

            missed += held ? 0 : 1;
            widths += (sequence.Value.Upper - sequence.Value.Lower) / Streams;
        }

        Assert.InRange(missed, 0, 5);
        Assert.InRange(widths, 0.05, 0.7);
    }

    [Fact]
    public void Log_gamma_agrees_with_factorials_and_with_the_reflection_at_one_half()
    {
        var factorial = 1.0;
        for (var n = 1; n < 20; n++)
        {
            Assert.Equal(Math.Log(factorial), LogGamma.Of(n), 12);
            factorial *= n;
        }

        Assert.Equal(Math.Log(Math.PI) / 2, LogGamma.Of(0.5), 14);
    }

    private static (double Lower, double Upper) Rounded(Interval interval, int digits) => (Math.Round(interval.Lower, digits), Math.Round(interval.Upper, digits));
}
