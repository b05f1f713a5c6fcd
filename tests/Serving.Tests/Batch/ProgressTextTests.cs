using Serving.Batch;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class ProgressTextTests
{
    [Fact]
    public void The_time_that_is_left_counts_from_where_this_run_began()
    {
        var first = new ScoreProgress(Lines: 1000, Position: 100, Length: 500);

        Assert.Equal("3,000 lines, 40 %, 200 lines/s, 0:00:30 left", ProgressText.Of(first, new(3000, 200, 500), TimeSpan.FromSeconds(10)));
        Assert.Equal("1,000 lines, 20 %, 0 lines/s, ? left", ProgressText.Of(first, first, TimeSpan.FromSeconds(10)));
    }
}
