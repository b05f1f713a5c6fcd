using Serving.Models;
using Xunit;

namespace Serving.Tests.Models;

public sealed class SwappableTests
{
    [Fact]
    public void A_lease_keeps_its_value_alive_until_it_ends()
    {
        var (first, second) = (new Value(), new Value());
        using var swappable = new Swappable<Value>(first);
        var lease = swappable.Acquire();

        swappable.Commit(second);

        Assert.Same(second, swappable.Current);
        Assert.Same(first, lease.Value);
        Assert.Equal(0, first.Disposals);
        Assert.Equal(2, swappable.Resident);
        lease.Dispose();
        Assert.Equal(1, first.Disposals);
        Assert.Equal(1, swappable.Resident);
        Assert.Equal(0, second.Disposals);
    }

    [Fact]
    public void A_value_without_leases_is_disposed_when_it_is_replaced()
    {
        var (first, second) = (new Value(), new Value());
        using var swappable = new Swappable<Value>(first);
        swappable.Acquire().Dispose();

        swappable.Commit(second);

        Assert.Equal(1, first.Disposals);
    }

    [Fact]
    public void The_last_of_several_leases_disposes()
    {
        var first = new Value();
        using var swappable = new Swappable<Value>(first);
        Lease<Value>[] leases = [swappable.Acquire(), swappable.Acquire(), swappable.Acquire()];
        swappable.Commit(new Value());

        leases[1].Dispose();
        leases[0].Dispose();
        Assert.Equal(0, first.Disposals);
        leases[2].Dispose();

        Assert.Equal(1, first.Disposals);
    }

    [Fact]
    public void Ending_a_lease_twice_counts_once()
    {
        var first = new Value();
        using var swappable = new Swappable<Value>(first);
        var (lease, other) = (swappable.Acquire(), swappable.Acquire());
        swappable.Commit(new Value());

        lease.Dispose();
        lease.Dispose();

        Assert.Equal(0, first.Disposals);
        Assert.Throws<ObjectDisposedException>(() => lease.Value);
        other.Dispose();
        Assert.Equal(1, first.Disposals);
    }

    [Fact]
    public void It_may_begin_empty()
    {
        using var swappable = new Swappable<Value>();
        Assert.False(swappable.HasValue);
        Assert.Null(swappable.TryAcquire());
        Assert.Throws<InvalidOperationException>(swappable.Acquire);
        Assert.Throws<InvalidOperationException>(() => swappable.Current);
        Assert.Equal(0, swappable.Resident);

        var first = new Value();
        swappable.Commit(first);

        using var lease = swappable.Acquire();
        Assert.Same(first, lease.Value);
    }

    [Fact]
    public void After_dispose_leases_drain_and_nothing_new_is_given_or_kept()
    {
        var (first, late) = (new Value(), new Value());
        var swappable = new Swappable<Value>(first);
        var lease = swappable.Acquire();

        swappable.Dispose();
        swappable.Dispose();

        Assert.Null(swappable.TryAcquire());
        Assert.Throws<ObjectDisposedException>(swappable.Acquire);
        Assert.Throws<ObjectDisposedException>(() => swappable.Current);
        Assert.Equal(0, first.Disposals);
        swappable.Commit(late);
        Assert.Equal(1, late.Disposals);
        lease.Dispose();
        Assert.Equal(1, first.Disposals);
        Assert.Equal(0, swappable.Resident);
    }

    [Fact]
    public void A_dispose_that_throws_still_leaves_the_count_right()
    {
        using var swappable = new Swappable<Value>(new Value { Throws = true });

        Assert.Throws<InvalidOperationException>(() => swappable.Commit(new Value()));

        Assert.Equal(1, swappable.Resident);
        using var lease = swappable.Acquire();
        Assert.False(lease.Value.Throws);
    }

    [Fact]
    public void Under_racing_threads_no_lease_holds_a_dead_value_and_every_value_dies_once()
    {
        const int Readers = 6;
        const int Commits = 20_000;
        var values = Enumerable.Range(0, Commits + 1).Select(_ => new Value()).ToArray();
        var swappable = new Swappable<Value>(values[0]);
        var done = false;
        var dead = 0;
        var leases = 0L;
        var readers = Enumerable.Range(0, Readers).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                using var lease = swappable.Acquire();
                var value = lease.Value;
                var before = value.Disposals;
                Thread.SpinWait(20);
                if (before + value.Disposals != 0)
                {
                    Interlocked.Increment(ref dead);
                }

                Interlocked.Increment(ref leases);
            }
        })).ToArray();
        Array.ForEach(readers, thread => thread.Start());
        for (var i = 1; i <= Commits; i++)
        {
            swappable.Commit(values[i]);
            if (i % 64 == 0)
            {
                Thread.Yield();                              // on few cores the readers would see a handful of commits only
            }
        }

        Volatile.Write(ref done, true);
        Array.ForEach(readers, thread => thread.Join());

        Assert.Equal(0, dead);
        Assert.True(leases > 0);
        Assert.Equal(1, swappable.Resident);
        Assert.All(values[..^1], value => Assert.Equal(1, value.Disposals));
        Assert.Equal(0, values[^1].Disposals);
        swappable.Dispose();
        Assert.Equal(1, values[^1].Disposals);
    }

    [Fact]
    public void Commits_acquires_and_dispose_may_race_without_leaking_a_value()
    {
        const int Rounds = 500;
        for (var round = 0; round < Rounds; round++)
        {
            Value[] values = [new(), new(), new()];
            var swappable = new Swappable<Value>(values[0]);
            using var start = new Barrier(3);
            Thread[] threads =
            [
                new(() =>
                {
                    start.SignalAndWait();
                    swappable.Commit(values[1]);
                    swappable.Commit(values[2]);
                }),
                new(() =>
                {
                    start.SignalAndWait();
                    swappable.TryAcquire()?.Dispose();
                }),
                new(() =>
                {
                    start.SignalAndWait();
                    swappable.Dispose();
                }),
            ];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());

            Assert.All(values, value => Assert.Equal(1, value.Disposals));
            Assert.Equal(0, swappable.Resident);
        }
    }

    private sealed class Value : IDisposable
    {
        private int _disposals;

        public int Disposals => Volatile.Read(ref _disposals);

        public bool Throws { get; init; }

        public void Dispose()
        {
            Interlocked.Increment(ref _disposals);
            if (Throws)
            {
                throw new InvalidOperationException("cannot be disposed");
            }
        }
    }
}
