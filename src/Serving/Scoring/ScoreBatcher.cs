using System.Diagnostics;

namespace Serving.Scoring;

/// <summary>
/// Owns the one thread that runs a scorer model. Requests wait in a bounded queue; each run takes what is waiting at that moment for one padded
/// length, the oldest request's, up to the largest batch. Nothing waits for a batch to fill. Submitting is thread-safe. A failed run fails its
/// own requests with <see cref="ScorerException"/>; a cancelled request leaves the queue at once.
/// </summary>
public sealed class ScoreBatcher : IDisposable
{
    private readonly string _name;
    private readonly int _maxPositions;
    private readonly int _maxBatch;
    private readonly Func<IReadOnlyList<EncodedPair>, float[][]> _run;
    private readonly SemaphoreSlim _room;
    private readonly Thread _thread;

    // Guarded by _lock: requests in order of arrival, overall and per padded length.
    private readonly object _lock = new();
    private readonly LinkedList<Request> _waiting = new();
    private readonly Dictionary<int, LinkedList<Request>> _byLength = [];
    private bool _stopping;

    /// <param name="name">The scorer's name, for errors.</param>
    /// <param name="maxPositions">Longest row of the model.</param>
    /// <param name="maxBatch">Most pairs in one run.</param>
    /// <param name="capacity">Most requests that wait; whoever brings more waits outside.</param>
    /// <param name="run">Runs the model on pairs of one padded length; called by one thread.</param>
    public ScoreBatcher(string name, int maxPositions, int maxBatch, int capacity, Func<IReadOnlyList<EncodedPair>, float[][]> run)
    {
        _name = name;
        _maxPositions = maxPositions;
        _maxBatch = maxBatch;
        _run = run;
        _room = new SemaphoreSlim(capacity);
        _thread = new Thread(Loop) { Name = $"scorer {name}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Requests that wait for a run.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>The logits of one pair.</summary>
    /// <exception cref="ScorerException">The run failed, or the batcher is shut down.</exception>
    public async Task<float[]> RunAsync(EncodedPair pair, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        var request = new Request(pair, pair.PaddedLength(_maxPositions));
        lock (_lock)
        {
            if (_stopping)
            {
                _room.Release();
                throw Stopped();
            }

            request.Place = _waiting.AddLast(request);
            if (!_byLength.TryGetValue(request.Length, out var same))
            {
                _byLength.Add(request.Length, same = new LinkedList<Request>());
            }

            request.PlaceInLength = same.AddLast(request);
            ScoringTelemetry.Queued(_name, 1);
            Monitor.Pulse(_lock);
        }

        using var registration = cancellationToken.UnsafeRegister((_, token) => Drop(request, token), null);
        return await request.Done.Task;
    }

    /// <summary>Finishes the run under way and fails what waits.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_stopping)
            {
                return;
            }

            _stopping = true;
            Monitor.Pulse(_lock);
        }

        _thread.Join();
    }

    private void Loop()
    {
        while (Take() is { } batch)
        {
            try
            {
                var begun = Stopwatch.GetTimestamp();
                var logits = _run([.. batch.Select(request => request.Pair)]);
                ScoringTelemetry.Ran(_name, Stopwatch.GetElapsedTime(begun), (double)batch.Count / _maxBatch);
                for (var i = 0; i < batch.Count; i++)
                {
                    batch[i].Done.TrySetResult(logits[i]);
                }
            }
            catch (Exception e)
            {
                // The thread must live on: the next run may be of other pairs, and these know what happened to them.
                ScoringTelemetry.Failed(_name);
                Fail(batch, new ScorerException(_name, e));
            }
        }

        List<Request> left;
        lock (_lock)
        {
            left = [.. _waiting];
            ScoringTelemetry.Queued(_name, -left.Count);
            _waiting.Clear();
            _byLength.Clear();
        }

        Fail(left, Stopped());
        _room.Release(Math.Max(1, left.Count));        // whoever waits outside gets in and is told the same
    }

    /// <summary>Waits for requests and takes the next batch; null when shut down.</summary>
    private List<Request>? Take()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0 && !_stopping)
            {
                Monitor.Wait(_lock);
            }

            if (_stopping)
            {
                return null;
            }

            var same = _byLength[_waiting.First!.Value.Length];
            var batch = new List<Request>(Math.Min(_maxBatch, same.Count));
            while (batch.Count < _maxBatch && same.First is { } next)
            {
                Leave(next.Value);
                batch.Add(next.Value);
            }

            _room.Release(batch.Count);
            return batch;
        }
    }

    private void Drop(Request request, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (request.Place is { List: not null })
            {
                Leave(request);
                _room.Release();
            }
        }

        request.Done.TrySetCanceled(cancellationToken);
    }

    /// <summary>Takes a request out of both lines; the caller holds the lock.</summary>
    private void Leave(Request request)
    {
        ScoringTelemetry.Queued(_name, -1);
        _waiting.Remove(request.Place!);
        _byLength[request.Length].Remove(request.PlaceInLength!);
    }

    private static void Fail(List<Request> requests, ScorerException reason)
    {
        foreach (var request in requests)
        {
            request.Done.TrySetException(reason);
        }
    }

    private ScorerException Stopped() => new(_name, new ObjectDisposedException(nameof(ScoreBatcher), "the scorer was shut down"));

    private sealed class Request(EncodedPair pair, int length)
    {
        public EncodedPair Pair => pair;

        public int Length => length;

        /// <summary>Its place among all requests; in no list once it is taken or dropped.</summary>
        public LinkedListNode<Request>? Place { get; set; }

        public LinkedListNode<Request>? PlaceInLength { get; set; }

        public TaskCompletionSource<float[]> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
