namespace Serving.Episodes;

/// <summary>The names that were added last, a bounded number of them, each with its latest time. Thread-safe.</summary>
internal sealed class RecentTimes
{
    private const int Most = 1 << 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _times = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    public void Add(string name, DateTimeOffset time)
    {
        lock (_lock)
        {
            if (_times.TryAdd(name, time))
            {
                _order.Enqueue(name);
                if (_order.Count > Most)
                {
                    _times.Remove(_order.Dequeue());
                }
            }
            else
            {
                _times[name] = time;
            }
        }
    }

    public DateTimeOffset? Of(string name)
    {
        lock (_lock)
        {
            return _times.TryGetValue(name, out var time) ? time : null;
        }
    }
}
