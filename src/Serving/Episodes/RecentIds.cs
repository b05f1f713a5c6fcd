namespace Serving.Episodes;

/// <summary>The last ids that were added, a bounded number of them. Thread-safe.</summary>
internal sealed class RecentIds
{
    private const int Most = 1 << 16;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    public void Add(string id)
    {
        lock (_lock)
        {
            if (_ids.Add(id))
            {
                _order.Enqueue(id);
                if (_order.Count > Most)
                {
                    _ids.Remove(_order.Dequeue());
                }
            }
        }
    }

    public bool Contains(string id)
    {
        lock (_lock)
        {
            return _ids.Contains(id);
        }
    }
}
