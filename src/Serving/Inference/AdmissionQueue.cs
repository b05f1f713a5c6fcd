namespace Serving.Inference;

/// <summary>
/// What waits for an engine: filled by any thread, emptied by the engine thread, first come first served. Also wakes the engine for cancellations
/// and closes for good. Thread-safe.
/// </summary>
internal sealed class AdmissionQueue(int limit)
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly LinkedList<EngineRequest> _requests = [];
    private int _waiting;
    private bool _cancellations;
    private Exception? _closed;

    /// <summary>Candidates without a row, of queued requests and of the one whose prompt runs.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Why nothing more is taken; null while open.</summary>
    public Exception? ClosedBy => Volatile.Read(ref _closed);

    /// <summary>Queues a request.</summary>
    /// <exception cref="OverloadedException">Too many candidates wait already. An idle engine takes a request of any size.</exception>
    public void Add(EngineRequest request)
    {
        lock (_gate)
        {
            if (_closed is not null)
            {
                throw new InferenceFailedException(_closed.Message, _closed);
            }

            if (_waiting > 0 && _waiting + request.Places > limit)
            {
                throw new OverloadedException(_retryAfter);
            }

            _requests.AddLast(request);
            _waiting += request.Places;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>The next request, or null.</summary>
    public EngineRequest? Take()
    {
        lock (_gate)
        {
            var first = _requests.First;
            if (first is not null)
            {
                _requests.RemoveFirst();
            }

            return first?.Value;
        }
    }

    /// <summary>Candidates wait no longer: they got a row, ended, or were given up.</summary>
    public void Settle(EngineRequest request, int places)
    {
        lock (_gate)
        {
            request.Places -= places;
            _waiting -= places;
        }
    }

    /// <summary>A request was cancelled somewhere: the engine has something to free.</summary>
    public void NoteCancellation()
    {
        lock (_gate)
        {
            _cancellations = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Whether requests were cancelled since the last call; those that were still queued are gone.</summary>
    public bool TakeCancellations()
    {
        if (!Volatile.Read(ref _cancellations))
        {
            return false;
        }

        lock (_gate)
        {
            _cancellations = false;
            for (var node = _requests.First; node is not null;)
            {
                var (current, next) = (node, node.Next);
                if (current.Value.Closed)
                {
                    _requests.Remove(current);
                    _waiting -= current.Value.Places;
                }

                node = next;
            }

            return true;
        }
    }

    /// <summary>Blocks the engine thread until there is something to do; false when closed.</summary>
    public bool Wait()
    {
        lock (_gate)
        {
            while (_closed is null && !_cancellations && _requests.Count == 0)
            {
                Monitor.Wait(_gate);
            }

            return _closed is null;
        }
    }

    /// <summary>Takes nothing more; the first reason stands.</summary>
    public void Close(Exception reason)
    {
        lock (_gate)
        {
            _closed ??= reason;
            Monitor.PulseAll(_gate);
        }
    }
}
