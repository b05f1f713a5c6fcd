namespace Serving.Training;

/// <summary>How one trainer came to its end.</summary>
internal enum TrainerEnd
{
    /// <summary>It has taken every step, and published what was good.</summary>
    Finished,

    /// <summary>A bound ended the run; the best before it was published, if there was one.</summary>
    StoppedByBound,

    /// <summary>It must not go on from its checkpoint: episodes were deleted since, or the checkpoint is another run's.</summary>
    CannotResume,

    Crashed,

    /// <summary>It printed nothing for longer than it may, and was ended.</summary>
    Hung,

    /// <summary>It took more memory than it may, and was ended.</summary>
    TooLarge,
}

/// <summary>One trainer from its start to its end, in the background of everything else on the machine.</summary>
internal sealed class TrainerProcess(TrainingOptions options, TimeProvider time)
{
    private const string OutputFile = "output.log";

    /// <summary>How long a trainer may take to write its checkpoint when the server ends; without it the run goes on from an earlier one.</summary>
    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(10);

    /// <summary>Threads that wait for work sleep instead of spinning on cores that serving could have.</summary>
    private static readonly Dictionary<string, string> _environment = new() { ["OMP_WAIT_POLICY"] = "PASSIVE", ["KMP_BLOCKTIME"] = "0" };

    /// <summary>Runs a trainer to its end. On cancellation it gets a moment to write a checkpoint.</summary>
    /// <param name="program">Serving.Trainer.dll.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="folder">Of the run; there is one.</param>
    /// <param name="started">Told the number of the process.</param>
    /// <param name="cancellationToken">Ends the trainer.</param>
    /// <returns>How it ended, and the last line that it printed.</returns>
    public async Task<(TrainerEnd End, string LastLine)> RunAsync(
        string program, IReadOnlyList<string> arguments, string folder, Action<int> started, CancellationToken cancellationToken)
    {
        using var child = ChildProcess.Start(program, arguments, _environment, Path.Combine(folder, OutputFile));
        BackgroundPriority.Give(child.Id, options.Nice);
        started(child.Id);
        var exit = child.WaitAsync(CancellationToken.None);
        var (lines, since) = (child.Lines, time.GetTimestamp());
        while (await Task.WhenAny(exit, Task.Delay(options.PollInterval, time, cancellationToken)) != exit)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                child.CloseInput();
                await Task.WhenAny(exit, Task.Delay(_lastWords, time, CancellationToken.None));
                throw new OperationCanceledException(cancellationToken);
            }

            BackgroundPriority.Give(child.Id, options.Nice);
            if (child.ResidentBytes > options.MemoryLimit)
            {
                return (TrainerEnd.TooLarge, child.LastLine);
            }

            if (child.Lines != lines)
            {
                (lines, since) = (child.Lines, time.GetTimestamp());
            }
            else if (time.GetElapsedTime(since) > options.StallLimit)
            {
                return (TrainerEnd.Hung, child.LastLine);
            }
        }

        return (EndOf(await exit), child.LastLine);
    }

    private static TrainerEnd EndOf(int exitCode) => exitCode switch
    {
        0 => TrainerEnd.Finished,
        TrainerProgram.StoppedByBound => TrainerEnd.StoppedByBound,
        TrainerProgram.CannotResume => TrainerEnd.CannotResume,
        _ => TrainerEnd.Crashed,
    };
}
