namespace Serving.Trainer.Loop;

/// <summary>What a run's time goes to.</summary>
internal enum RunPart
{
    /// <summary>Log, batches, checkpoints.</summary>
    Other,

    /// <summary>New weights into the rollouts' engines.</summary>
    Refresh,

    /// <summary>Fresh answers.</summary>
    Rollouts,

    /// <summary>Their scores.</summary>
    Scoring,

    /// <summary>Forward, backward, optimiser.</summary>
    Learner,

    /// <summary>Held-out evaluations, the start's included.</summary>
    Evaluation,
}

/// <summary>
/// Where the time of this process's run has gone so far, by wall clock and by processor. The parts follow each other on the training thread, so whatever other threads
/// compute meanwhile (engine, scorers, torch) is the part's. Used from the training thread.
/// </summary>
internal sealed class RunClock(TimeProvider time)
{
    private static readonly RunPart[] _parts = Enum.GetValues<RunPart>();
    private static readonly string[] _names = [.. _parts.Select(part => part.ToString().ToLowerInvariant())];

    private readonly TimeSpan[] _wall = new TimeSpan[_parts.Length];
    private readonly TimeSpan[] _processor = new TimeSpan[_parts.Length];
    private RunPart _part = RunPart.Other;
    private long _since = time.GetTimestamp();
    private TimeSpan _processorSince = Environment.CpuUsage.TotalTime;

    /// <summary>From now on the time is <paramref name="part"/>'s.</summary>
    public void Begin(RunPart part)
    {
        var (now, processor) = (time.GetTimestamp(), Environment.CpuUsage.TotalTime);
        _wall[(int)_part] += time.GetElapsedTime(_since, now);
        _processor[(int)_part] += processor - _processorSince;
        (_part, _since, _processorSince) = (part, now, processor);
    }

    /// <summary>"time/part" and "cpu/part": shares of the time so far, 0 to 1; parts that took none are left out.</summary>
    public IEnumerable<(string Name, double Value)> Shares()
    {
        Begin(_part);
        return Shares("time/", _wall).Concat(Shares("cpu/", _processor));
    }

    private static (string Name, double Value)[] Shares(string prefix, TimeSpan[] spent)
    {
        var all = spent.Sum(part => part.TotalSeconds);
        return all == 0 ? [] : _parts.Where(part => spent[(int)part] > TimeSpan.Zero).Select(part => (prefix + _names[(int)part], spent[(int)part].TotalSeconds / all)).ToArray();
    }
}
