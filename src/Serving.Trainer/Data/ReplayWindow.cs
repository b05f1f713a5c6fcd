namespace Serving.Trainer.Data;

/// <summary>
/// The newest groups of the log, at most <paramref name="capacity"/> of them, the oldest dropped first; hands them out in shuffled passes, or in proportion
/// to their priorities. What it returns depends only on the seed, the groups added, the cursor and the priorities. Not thread-safe: the training loop owns it.
/// </summary>
/// <param name="capacity">Groups kept.</param>
/// <param name="seed">Seed of the run.</param>
/// <param name="priorities">Draw by these; null = passes in which every group comes once.</param>
/// <param name="maxStaleness">Groups of a policy more versions than this behind the newest one of its name are dropped; null = none is.</param>
/// <param name="current">The version that training began from, which counts as seen.</param>
public sealed class ReplayWindow(
    int capacity, ulong seed, ReplayPriorities? priorities = null, int? maxStaleness = null, PolicyVersion? current = null)
{
    private readonly Queue<CandidateGroup> _groups = new();
    private readonly Dictionary<string, int> _newest = new(StringComparer.Ordinal);
    private readonly StepRandom _random = new(seed, "replay");
    private CandidateGroup[] _pass = [];
    private long _added;

    public int Count => _groups.Count;

    /// <summary>Groups dropped so far because the window was full.</summary>
    public long Dropped { get; private set; }

    /// <summary>Groups dropped so far because the policy that drew them was too old.</summary>
    public long Stale { get; private set; }

    /// <summary>Where the next draw begins; store it to resume.</summary>
    public ReplayCursor Cursor { get; private set; } = new(0, 0);

    /// <summary>Priority of every group in the window, oldest group first; null without priorities. Store them to resume.</summary>
    public double[]? Priorities => priorities is null ? null : [.. _groups.Select(group => priorities[group.Draw.Number])];

    /// <summary>Appends a group. The pass under way ends here, so that new groups are drawn from the next call on.</summary>
    public void Add(CandidateGroup group)
    {
        var added = group with { Draw = new ReplayDraw(_added++, 1, 0) };
        if (See(added.DrawnBy))
        {
            Forget(TooOld);
        }

        if (TooOld(added))
        {
            Stale++;
            return;
        }

        _groups.Enqueue(added);
        priorities?.Add(added);
        if (_groups.Count > capacity)
        {
            var oldest = _groups.Dequeue();
            priorities?.Remove(oldest.Draw.Number);
            Dropped++;
        }

        EndPass();
    }

    /// <summary>
    /// The next groups: of the pass, which holds every group once in an order of its own, or drawn by priority with replacement.
    /// </summary>
    public IReadOnlyList<CandidateGroup> Next(int count)
    {
        if (_groups.Count == 0)
        {
            throw new InvalidOperationException(
                "The replay window is empty: the log holds no group that this recipe can learn from"
                + (Stale > 0 ? $"; {Stale} were drawn by a policy more than {maxStaleness} versions old (Trainer:Replay:MaxStaleness)." : "."));
        }

        var drawn = priorities is null ? OfPass(count) : priorities.Draw(Pass(shuffled: false), Uniforms(count));
        return [.. drawn.Select(group => group with { Draw = group.Draw with { Staleness = Staleness(group) } })];
    }

    /// <summary>Takes over what a step found: priorities of the groups that it drew. Nothing happens without priorities.</summary>
    /// <param name="draws">As they were handed out.</param>
    /// <param name="found">A priority each; those that are not a number are left as they were.</param>
    public void Update(IReadOnlyList<ReplayDraw> draws, IReadOnlyList<double> found)
    {
        for (var g = 0; g < draws.Count; g++)
        {
            priorities?.Update(draws[g].Number, found[g]);
        }
    }

    /// <summary>Goes back to a stored cursor and stored priorities; the same groups must have been added before.</summary>
    /// <exception cref="InvalidOperationException">There is not one priority per group.</exception>
    public void Restore(ReplayCursor cursor, IReadOnlyList<double>? stored = null)
    {
        Cursor = cursor;
        _pass = [];
        if (priorities is null)
        {
            return;
        }

        if (stored?.Count != _groups.Count)
        {
            throw new InvalidOperationException(
                $"The checkpoint holds priorities of {stored?.Count ?? 0} groups and the log gives {_groups.Count}. Use the log of the run.");
        }

        foreach (var (group, priority) in _groups.Zip(stored))
        {
            priorities[group.Draw.Number] = priority;
        }
    }

    /// <summary>Forgets every group, to be filled again from a log that has changed. Draws go on with a new pass.</summary>
    public void Clear()
    {
        _groups.Clear();
        _newest.Clear();
        priorities?.Clear();
        (_added, Dropped, Stale) = (0, 0, 0);
        EndPass();
    }

    private CandidateGroup[] OfPass(int count)
    {
        var drawn = new CandidateGroup[count];
        for (var i = 0; i < count; i++)
        {
            if (Cursor.Position >= _groups.Count)
            {
                Cursor = new ReplayCursor(Cursor.Pass + 1, 0);
                _pass = [];
            }

            drawn[i] = Pass(shuffled: true)[Cursor.Position];
            Cursor = Cursor with { Position = Cursor.Position + 1 };
        }

        return drawn;
    }

    private CandidateGroup[] Pass(bool shuffled)
    {
        if (_pass.Length == 0)
        {
            var groups = _groups.ToArray();
            _pass = shuffled ? [.. _random.Permutation(groups.Length, (ulong)Cursor.Pass).Select(index => groups[index])] : groups;
        }

        return _pass;
    }

    private double[] Uniforms(int count)
    {
        var numbers = new double[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = _random.Uniform((ulong)Cursor.Pass, (ulong)Cursor.Position);
            Cursor = Cursor with { Position = Cursor.Position + 1 };
        }

        return numbers;
    }

    private void EndPass()
    {
        _pass = [];
        if (Cursor.Position > 0)
        {
            Cursor = new ReplayCursor(Cursor.Pass + 1, 0);
        }
    }

    /// <summary>Whether this version is newer than every one of its name so far.</summary>
    private bool See(PolicyVersion? seen)
    {
        if (seen is not { } version || version.Version <= Newest(version.Name))
        {
            return false;
        }

        _newest[version.Name] = version.Version;
        return true;
    }

    private int Newest(string name) => Math.Max(_newest.GetValueOrDefault(name), current?.Name == name ? current.Value.Version : 0);

    private int Staleness(CandidateGroup group) => group.DrawnBy is { } version ? Newest(version.Name) - version.Version : 0;

    private bool TooOld(CandidateGroup group) => Staleness(group) > maxStaleness;

    private void Forget(Predicate<CandidateGroup> gone)
    {
        foreach (var group in _groups.ToArray())
        {
            _groups.Dequeue();
            if (!gone(group))
            {
                _groups.Enqueue(group);
                continue;
            }

            priorities?.Remove(group.Draw.Number);
            Stale++;
        }
    }
}

/// <summary>A place in the shuffled passes of a <see cref="ReplayWindow"/>, or in its draws by priority.</summary>
public readonly record struct ReplayCursor(long Pass, int Position);
