using Serving.Trainer.Loop;

namespace Serving.Trainer.Tests.Loop;

public sealed class RunClockTests
{
    [Fact]
    public void Time_belongs_to_the_part_that_was_begun_last_and_shares_add_up_to_one()
    {
        var time = new SteppedTime();
        var clock = new RunClock(time);

        time.Passes(1);
        clock.Begin(RunPart.Learner);
        time.Passes(6);
        clock.Begin(RunPart.Refresh);
        time.Passes(1);
        clock.Begin(RunPart.Learner);
        time.Passes(2);

        var shares = clock.Shares().ToDictionary(share => share.Name, share => share.Value);
        Assert.Equal(.8, shares["time/learner"], 1e-9);
        Assert.Equal(.1, shares["time/refresh"], 1e-9);
        Assert.Equal(.1, shares["time/other"], 1e-9);
        Assert.False(shares.ContainsKey("time/scoring"));
        Assert.All(shares.Where(share => share.Key.StartsWith("cpu/", StringComparison.Ordinal)), share => Assert.InRange(share.Value, 0, 1));
    }

    /// <summary>A clock that stands still until it is moved.</summary>
    private sealed class SteppedTime : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds;

        public void Passes(int seconds) => _seconds += seconds;
    }
}
