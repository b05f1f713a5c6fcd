using Serving.Trainer.Data;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class ReplayWindowTests
{
    [Fact]
    public void Every_pass_holds_every_group_once_in_an_order_of_its_own()
    {
        var window = Filled(7, capacity: 100);

        var first = Ids(window.Next(7));
        var second = Ids(window.Next(7));

        Assert.Equal(first.Order(), second.Order());
        Assert.Equal(7, first.Distinct().Count());
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void The_oldest_groups_leave_first()
    {
        var window = Filled(10, capacity: 4);

        Assert.Equal(4, window.Count);
        Assert.Equal(6, window.Dropped);
        Assert.Equal(["g6", "g7", "g8", "g9"], Ids(window.Next(4)).Order());
    }

    [Fact]
    public void A_restored_cursor_goes_on_as_if_nothing_had_happened()
    {
        var window = Filled(5, capacity: 100);
        window.Next(8);
        var cursor = window.Cursor;
        var expected = Ids(window.Next(9));

        var resumed = Filled(5, capacity: 100);
        resumed.Restore(cursor);

        Assert.Equal(expected, Ids(resumed.Next(9)));
    }

    [Fact]
    public void New_groups_are_drawn_from_the_next_call_on_and_resuming_before_they_came_gives_the_same()
    {
        var window = Filled(5, capacity: 100);
        window.Next(3);
        var cursor = window.Cursor;
        window.Add(Group("new", [0, 1]));
        var expected = Ids(window.Next(6));

        var resumed = Filled(5, capacity: 100);
        resumed.Restore(cursor);
        resumed.Add(Group("new", [0, 1]));

        Assert.Contains("new", expected);
        Assert.Equal(expected, Ids(resumed.Next(6)));
    }

    [Fact]
    public void An_empty_window_says_so()
    {
        Assert.Contains("empty", Assert.Throws<InvalidOperationException>(() => new ReplayWindow(4, 1).Next(1)).Message, StringComparison.Ordinal);
    }

    private static ReplayWindow Filled(int groups, int capacity)
    {
        var window = new ReplayWindow(capacity, seed: 3);
        for (var i = 0; i < groups; i++)
        {
            window.Add(Group("g" + i, [0, 1]));
        }

        return window;
    }

    private static string[] Ids(IReadOnlyList<CandidateGroup> groups) => [.. groups.Select(group => group.Id)];
}
