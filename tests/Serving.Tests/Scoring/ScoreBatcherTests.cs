using System.Collections.Concurrent;
using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ScoreBatcherTests : IDisposable
{
    private readonly ManualResetEventSlim _gate = new(initialState: true);
    private readonly SemaphoreSlim _started = new(0);
    private readonly ConcurrentQueue<int[]> _batches = new();

    public void Dispose() => _gate.Dispose();

    [Fact]
    public async Task A_lone_request_runs_at_once()
    {
        using var batcher = Batcher();

        Assert.Equal(7f, Assert.Single(await batcher.RunAsync(Pair(id: 7), TestContext.Current.CancellationToken)));
        Assert.Equal([[7]], _batches);
    }

    [Fact]
    public async Task A_run_takes_what_waits_for_the_oldest_requests_length_up_to_the_largest_batch()
    {
        using var batcher = Batcher(maxBatch: 3);
        var first = await Occupy(batcher);
        var tasks = new List<Task<float[]>>();
        foreach (var (id, length) in new[] { (1, 16), (2, 40), (3, 10), (4, 12), (5, 36), (6, 16) })
        {
            tasks.Add(batcher.RunAsync(Pair(id, length), TestContext.Current.CancellationToken));
        }

        _gate.Set();
        await Task.WhenAll([first, .. tasks]);

        // 16, 10 and 12 pad to 16, 40 and 36 to 40.
        Assert.Equal([[0], [1, 3, 4], [2, 5], [6]], _batches);
        Assert.Equal([1, 2, 3, 4, 5, 6], tasks.Select(task => task.Result[0]));
    }

    [Fact]
    public async Task A_failed_run_fails_its_own_requests_and_no_others()
    {
        using var batcher = Batcher();
        var first = await Occupy(batcher);
        var bad = batcher.RunAsync(Pair(id: -1, length: 5), TestContext.Current.CancellationToken);
        var beside = batcher.RunAsync(Pair(id: 2, length: 5), TestContext.Current.CancellationToken);
        var apart = batcher.RunAsync(Pair(id: 3, length: 20), TestContext.Current.CancellationToken);

        _gate.Set();

        Assert.Contains("\"test\" failed: negative id", (await Assert.ThrowsAsync<ScorerException>(() => bad)).Message);
        await Assert.ThrowsAsync<ScorerException>(() => beside);
        Assert.Equal(3f, Assert.Single(await apart));
        Assert.Equal(0f, Assert.Single(await first));
        Assert.Equal(4f, Assert.Single(await batcher.RunAsync(Pair(id: 4, length: 5), TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task A_cancelled_request_leaves_the_queue_before_it_is_run()
    {
        using var batcher = Batcher(capacity: 2);
        using var cancellation = new CancellationTokenSource();
        var first = await Occupy(batcher);
        var dropped = batcher.RunAsync(Pair(id: 1), cancellation.Token);
        var kept = batcher.RunAsync(Pair(id: 2), TestContext.Current.CancellationToken);

        await cancellation.CancelAsync();
        Assert.Equal(1, batcher.Waiting);
        var third = batcher.RunAsync(Pair(id: 3), TestContext.Current.CancellationToken);       // the place is free again
        Assert.Equal(2, batcher.Waiting);
        _gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dropped);
        await Task.WhenAll(first, kept, third);
        Assert.Equal([[0], [2, 3]], _batches);
    }

    [Fact]
    public async Task Cancelling_a_request_under_way_ends_its_wait_but_not_its_neighbours()
    {
        using var batcher = Batcher();
        using var cancellation = new CancellationTokenSource();
        _gate.Reset();
        var left = batcher.RunAsync(Pair(id: 1), cancellation.Token);
        await _started.WaitAsync(TestContext.Current.CancellationToken);

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        _gate.Set();
        Assert.Equal(2f, Assert.Single(await batcher.RunAsync(Pair(id: 2), TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task A_full_queue_makes_the_next_request_wait_and_cancelling_it_there_costs_nothing()
    {
        using var batcher = Batcher(maxBatch: 1, capacity: 2);
        using var cancellation = new CancellationTokenSource();
        var first = await Occupy(batcher);
        var queued = new[] { 1, 2 }.Select(id => batcher.RunAsync(Pair(id), TestContext.Current.CancellationToken)).ToArray();
        var outside = batcher.RunAsync(Pair(id: 3), TestContext.Current.CancellationToken);
        var given = batcher.RunAsync(Pair(id: 4), cancellation.Token);

        Assert.Equal(2, batcher.Waiting);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        _gate.Set();

        await Task.WhenAll([first, .. queued, outside]);
        Assert.Equal([0, 1, 2, 3], _batches.SelectMany(batch => batch));
    }

    [Fact]
    public async Task Shutting_down_ends_the_run_under_way_and_fails_what_waits()
    {
        var batcher = Batcher(capacity: 1_000_000);
        var first = await Occupy(batcher);
        var waiting = batcher.RunAsync(Pair(id: 1), TestContext.Current.CancellationToken);

        var closing = Task.Run(batcher.Dispose);
        var probe = waiting;
        while (!probe.IsFaulted)        // a new request is refused at once as soon as the shutdown has begun
        {
            await Task.Yield();
            probe = batcher.RunAsync(Pair(id: 2), TestContext.Current.CancellationToken);
        }

        _gate.Set();
        await closing;

        Assert.Equal(0f, Assert.Single(await first));
        Assert.Contains("shut down", (await Assert.ThrowsAsync<ScorerException>(() => waiting)).Message);
        Assert.Contains("shut down", (await Assert.ThrowsAsync<ScorerException>(() => probe)).Message);
        Assert.Equal([[0]], _batches);
    }

    [Fact]
    public async Task Shutting_down_leaves_nobody_waiting_outside_the_queue()
    {
        var batcher = Batcher(capacity: 1);
        var first = await Occupy(batcher);
        var others = new[] { 1, 2, 3, 4 }.Select(id => batcher.RunAsync(Pair(id), TestContext.Current.CancellationToken)).ToArray();

        var closing = Task.Run(batcher.Dispose);
        _gate.Set();
        await closing;

        await first;
        foreach (var other in others)
        {
            Assert.True(await other.ContinueWith(
                task => task.IsCompletedSuccessfully || task.Exception!.InnerException is ScorerException, TaskScheduler.Default));
        }
    }

    /// <summary>A "model" that returns the first id of each pair and can be held up.</summary>
    private ScoreBatcher Batcher(int maxBatch = 8, int capacity = 100) => new("test", maxPositions: 64, maxBatch, capacity, pairs =>
    {
        _batches.Enqueue([.. pairs.Select(pair => pair.Ids[0])]);
        _started.Release();
        _gate.Wait();
        return pairs.All(pair => pair.Ids[0] >= 0)
            ? [.. pairs.Select(pair => new float[] { pair.Ids[0] })]
            : throw new InvalidOperationException("negative id");
    });

    /// <summary>Keeps the thread busy with request 0, so that what comes next waits.</summary>
    private async Task<Task<float[]>> Occupy(ScoreBatcher batcher)
    {
        _gate.Reset();
        var first = batcher.RunAsync(Pair(id: 0, length: 64), TestContext.Current.CancellationToken);
        await _started.WaitAsync(TestContext.Current.CancellationToken);
        return first;
    }

    private static EncodedPair Pair(int id, int length = 5) =>
        new([id, .. Enumerable.Repeat(9, length - 1)], new byte[length], SourceCut: false, AnswerCut: false);
}
