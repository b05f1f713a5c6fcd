namespace Serving.Trainer.Data;

/// <summary>
/// The newest groups of the log, at most <paramref name="capacity"/> of them, the oldest dropped first; hands them out in shuffled passes.
/// What it returns depends only on the seed, the groups added and the cursor. Not thread-safe: the training loop owns it.
/// </summary>
public sealed class ReplayWindow(int capacity, ulong seed)
{
    private readonly Queue<CandidateGroup> _groups = new();
    private readonly StepRandom _random = new(seed, "replay");
    private CandidateGroup[] _pass = [];

    public int Count => _groups.Count;

    /// <summary>Groups dropped so far because the window was full.</summary>
    public long Dropped { get; private set; }

    /// <summary>Where the next draw begins; store it to resume.</summary>
    public ReplayCursor Cursor { get; private set; } = new(0, 0);

    /// <summary>Appends a group. The pass under way ends here, so that new groups are drawn from the next call on.</summary>
    public void Add(CandidateGroup group)
    {
        _groups.Enqueue(group);
        if (_groups.Count > capacity)
        {
            _groups.Dequeue();
            Dropped++;
        }

        _pass = [];
        if (Cursor.Position > 0)
        {
            Cursor = new ReplayCursor(Cursor.Pass + 1, 0);
        }
    }

    /// <summary>The next groups of the pass; a pass holds every group once, in an order of its own.</summary>
    public IReadOnlyList<CandidateGroup> Next(int count)
    {
        if (_groups.Count == 0)
        {
            throw new InvalidOperationException("The replay window is empty: the log holds no group that this recipe can learn from.");
        }

        var drawn = new CandidateGroup[count];
        for (var i = 0; i < count; i++)
        {
            if (Cursor.Position >= _groups.Count)
            {
                Cursor = new ReplayCursor(Cursor.Pass + 1, 0);
                _pass = [];
            }

            if (_pass.Length == 0)
            {
                var groups = _groups.ToArray();
                _pass = [.. _random.Permutation(groups.Length, (ulong)Cursor.Pass).Select(index => groups[index])];
            }

            drawn[i] = _pass[Cursor.Position];
            Cursor = Cursor with { Position = Cursor.Position + 1 };
        }

        return drawn;
    }

    /// <summary>Goes back to a stored cursor; the same groups must have been added before.</summary>
    public void Restore(ReplayCursor cursor)
    {
        Cursor = cursor;
        _pass = [];
    }
}

/// <summary>A place in the shuffled passes of a <see cref="ReplayWindow"/>.</summary>
public readonly record struct ReplayCursor(long Pass, int Position);
