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
    public void Draws_by_priority_go_on_from_a_stored_cursor_and_stored_priorities()
    {
        var window = ByPriority();
        var first = window.Next(8);
        window.Update([.. first.Select(group => group.Draw)], [.. first.Select((_, i) => i == 2 ? double.NaN : 5.0 + i)]);
        var (cursor, priorities) = (window.Cursor, window.Priorities!);
        var expected = window.Next(12).Select(group => group.Draw);

        var resumed = ByPriority();
        resumed.Restore(cursor, priorities);

        Assert.Equal(expected, resumed.Next(12).Select(group => group.Draw));
        Assert.NotEqual(expected, ByPriority().Next(12).Select(group => group.Draw));
        Assert.Throws<InvalidOperationException>(() => resumed.Restore(cursor, priorities[1..]));

        static ReplayWindow ByPriority()
        {
            var window = new ReplayWindow(100, 3, new ReplayPriorities(.9, .9, .6));
            for (var i = 0; i < 6; i++)
            {
                window.Add(Group("g" + i, [0, i]));
            }

            return window;
        }
    }

    [Fact]
    public void Groups_of_a_policy_too_many_versions_old_leave_when_a_newer_one_appears()
    {
        var window = new ReplayWindow(100, 3, new ReplayPriorities(.9, .9, .6), maxStaleness: 2);
        foreach (var (id, policy) in (ReadOnlySpan<(string, string)>)[("a", "student@1"), ("b", "anchor@1"), ("c", "student@3"), ("d", "unnamed")])
        {
            window.Add(Drawn(id, policy));
        }

        Assert.Equal((4, 0L), (window.Count, window.Stale));
        window.Add(Drawn("e", "student@4"));
        window.Add(Drawn("late", "student@1"));

        Assert.Equal((4, 2L), (window.Count, window.Stale));
        var drawn = window.Next(100);
        Assert.Equal(["b", "c", "d", "e"], Ids(drawn).Distinct().Order());
        Assert.Equal([0, 1, 0, 0], drawn.GroupBy(group => group.Id).OrderBy(group => group.Key).Select(group => group.First().Draw.Staleness));
        Assert.Equal(4, window.Priorities!.Length);
    }

    [Fact]
    public void The_version_that_training_began_from_counts_as_the_newest()
    {
        var window = new ReplayWindow(100, 3, maxStaleness: 2, current: new PolicyVersion("student", 7));

        window.Add(Drawn("old", "student@4"));

        Assert.Equal(1, window.Stale);
        Assert.Contains("MaxStaleness", Assert.Throws<InvalidOperationException>(() => window.Next(1)).Message, StringComparison.Ordinal);
    }

    private static CandidateGroup Drawn(string id, string policy) => Group(id, [0, 1]) with { DrawnBy = PolicyVersion.Of(policy) };

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
