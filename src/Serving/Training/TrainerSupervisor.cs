using System.ComponentModel;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Inference;

namespace Serving.Training;

/// <summary>
/// Starts a trainer when enough was logged, and again when it fails; one at a time. What goes wrong with it is told in the log and nowhere else: requests neither wait for
/// it nor fail with it. A run that the end of the server broke off goes on with the next server.
/// </summary>
internal sealed partial class TrainerSupervisor(
    IOptions<TrainingOptions> options,
    TrainerArguments arguments,
    PolicyRegistry policies,
    EpisodeLog episodes,
    TimeProvider time,
    ILogger<TrainerSupervisor> logger)
    : BackgroundService
{
    private const string LockFile = "supervisor.lock";

    private readonly TrainingOptions _options = options.Value;
    private readonly string _root = Path.GetFullPath(options.Value.Root);
    private readonly TrainerProcess _trainer = new(options.Value, time);
    private TrainingLedger _ledger = new(0, 0, null);
    private long _lastRun;

    public TrainerState State { get; private set; }

    /// <summary>Episodes logged since the last run began.</summary>
    public long NewEpisodes => Math.Max(0, episodes.Count - _ledger.Episodes);

    /// <summary>When the last run of this process ended, Unix time in seconds; 0 = none has.</summary>
    public long LastRun => Volatile.Read(ref _lastRun);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_options.Enabled || _options.Mode != TrainerMode.Supervised)
        {
            return;
        }

        if (Program() is not { } program)
        {
            State = TrainerState.NoProgram;
            Log.NoProgram(logger, _options.Program ?? string.Join(" or ", TrainerProgram.Places));
            return;
        }

        TrainingTelemetry.Watch(this);
        try
        {
            while (true)
            {
                try
                {
                    await SuperviseAsync(program, stoppingToken);
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    State = TrainerState.BackingOff;
                    Log.CannotSupervise(logger, _root, _options.LongestRestartDelay, e);
                    await Task.Delay(_options.LongestRestartDelay, time, stoppingToken);
                }
            }
        }
        finally
        {
            TrainingTelemetry.Leave(this);
        }
    }

    private string? Program() => _options.Program is { } named ? (File.Exists(named) ? Path.GetFullPath(named) : null) : TrainerProgram.Find();

    private async Task SuperviseAsync(string program, CancellationToken cancellationToken)
    {
        DurableFile.CreateFolder(_root);
        using var ours = Lock();
        _ledger = TrainingLedger.Read(_root);
        while (true)
        {
            var (start, teacher) = await WaitAsync(cancellationToken);
            Open(start, teacher);
            await FinishAsync(program, cancellationToken);
            TrainingLedger.Prune(_root);
        }
    }

    private FileStream Lock()
    {
        try
        {
            return new FileStream(Path.Combine(_root, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException(
                $"{LockFile} cannot be taken ({e.Message}). If another server trains there, set {TrainingOptions.Section}:{nameof(TrainingOptions.Root)} to a folder of this one's own.", e);
        }
    }

    /// <summary>
    /// Waits for the policies, and unless a run is open for episodes, and for the decision on a version that is still compared: the next run begins at what it leads to. Returns
    /// what to train and from whom.
    /// </summary>
    private async Task<(string Start, string Teacher)> WaitAsync(CancellationToken cancellationToken)
    {
        State = TrainerState.Waiting;
        while (true)
        {
            if (episodes.Count < _ledger.Episodes)
            {
                _ledger = _ledger with { Episodes = episodes.Count };            // some were deleted
            }

            if (_ledger.Open is not null || (NewEpisodes >= _options.MinNewEpisodes && policies.Candidate(PolicyRegistry.DistilledAlias) is null))
            {
                using var start = policies.Acquire(PolicyRegistry.DistilledAlias);
                using var teacher = policies.Acquire(PolicyRegistry.AnchorAlias);
                if (start is not null && teacher is not null)
                {
                    return (start.Value.Id, teacher.Value.Id);
                }
            }

            await Task.Delay(_options.PollInterval, time, cancellationToken);
        }
    }

    /// <summary>Begins a run, unless one is open and its settings are still those of the server.</summary>
    private void Open(string start, string teacher)
    {
        if (_ledger.Open is { } open)
        {
            var folder = TrainingLedger.RunFolder(_root, _ledger.Runs);
            var (openStart, openTeacher) = (ValueOf(open, "--start"), ValueOf(open, "--teacher"));
            if (open.SequenceEqual(arguments.Of(_ledger.Runs, folder, openStart, openTeacher)))
            {
                Log.GoesOn(logger, _ledger.Runs, openStart, openTeacher);
                return;
            }

            Log.OtherSettings(logger, _ledger.Runs);
        }

        Begin(start, teacher);
    }

    private void Begin(string start, string teacher)
    {
        var run = _ledger.Runs + 1;
        var folder = TrainingLedger.RunFolder(_root, run);
        DurableFile.CreateFolder(folder);
        _ledger = new TrainingLedger(run, episodes.Count, arguments.Of(run, folder, start, teacher));
        _ledger.Write(_root);
        Log.Begins(logger, run, start, teacher, _ledger.Episodes, folder);
    }

    /// <summary>Starts trainers until the open run has come to an end, or has failed too often.</summary>
    private async Task FinishAsync(string program, CancellationToken cancellationToken)
    {
        for (var failures = 0; ;)
        {
            var folder = TrainingLedger.RunFolder(_root, _ledger.Runs);
            Directory.CreateDirectory(folder);
            State = TrainerState.Running;
            var (end, lastLine) = await StartAsync(program, folder, cancellationToken);
            var isDone = end is TrainerEnd.Finished or TrainerEnd.StoppedByBound;
            if (!isDone)
            {
                cancellationToken.ThrowIfCancellationRequested();            // it may have ended because everything does
            }

            if (isDone || ++failures >= _options.Attempts)
            {
                Close(end, lastLine, failures, folder);
                return;
            }

            var pause = PauseAfter(failures);
            TrainingTelemetry.Restarted(end);
            Log.Failed(logger, _ledger.Runs, end, lastLine, folder, pause);
            if (end is TrainerEnd.CannotResume)
            {
                Begin(ValueOf(_ledger.Open!, "--start"), ValueOf(_ledger.Open!, "--teacher"));
            }

            State = TrainerState.BackingOff;
            await Task.Delay(pause, time, cancellationToken);
        }
    }

    private async Task<(TrainerEnd End, string LastLine)> StartAsync(string program, string folder, CancellationToken cancellationToken)
    {
        try
        {
            return await _trainer.RunAsync(program, _ledger.Open!, folder, process => Log.Started(logger, _ledger.Runs, process), cancellationToken);
        }
        catch (Win32Exception e)
        {
            return (TrainerEnd.Crashed, e.Message);
        }
    }

    private void Close(TrainerEnd end, string lastLine, int failures, string folder)
    {
        _ledger = _ledger with { Open = null };
        _ledger.Write(_root);
        Volatile.Write(ref _lastRun, time.GetUtcNow().ToUnixTimeSeconds());
        TrainingTelemetry.Ended(end);
        if (end is TrainerEnd.Finished or TrainerEnd.StoppedByBound)
        {
            Log.Ended(logger, _ledger.Runs, lastLine);
        }
        else
        {
            Log.GivenUp(logger, _ledger.Runs, failures, end, lastLine, folder, _options.MinNewEpisodes);
        }
    }

    private TimeSpan PauseAfter(int failures) =>
        TimeSpan.FromSeconds(Math.Min(_options.LongestRestartDelay.TotalSeconds, _options.RestartDelay.TotalSeconds * Math.Pow(2, failures - 1)));

    private static string ValueOf(IReadOnlyList<string> list, string option) =>
        list.SkipWhile(argument => argument != option).Skip(1).FirstOrDefault() ?? "";

    private static partial class Log
    {
        [LoggerMessage(7001, LogLevel.Warning, "No trainer: there is no {Places}. Serving goes on without one; build it, name it with Trainer:Program, or set Trainer:Mode to Off.")]
        public static partial void NoProgram(ILogger logger, string places);

        [LoggerMessage(7002, LogLevel.Error, "Training in {Root} (Trainer:Root) cannot be supervised; tried again in {Pause}. Serving goes on.")]
        public static partial void CannotSupervise(ILogger logger, string root, TimeSpan pause, Exception exception);

        [LoggerMessage(7003, LogLevel.Information, "Training run {Run} begins: {Start} from {Teacher} on {Episodes} episodes, in {Folder}.")]
        public static partial void Begins(ILogger logger, int run, string start, string teacher, long episodes, string folder);

        [LoggerMessage(7004, LogLevel.Information, "Training run {Run} goes on: {Start} from {Teacher}.")]
        public static partial void GoesOn(ILogger logger, int run, string start, string teacher);

        [LoggerMessage(7005, LogLevel.Information, "Training run {Run} was broken off under other settings; a new one begins in its place.")]
        public static partial void OtherSettings(ILogger logger, int run);

        [LoggerMessage(7006, LogLevel.Information, "Training run {Run} works in process {Process}.")]
        public static partial void Started(ILogger logger, int run, int process);

        [LoggerMessage(7007, LogLevel.Warning, "The trainer of run {Run} ended: {End}, last line \"{LastLine}\", output in {Folder}. It is started again in {Pause}; serving goes on.")]
        public static partial void Failed(ILogger logger, int run, TrainerEnd end, string lastLine, string folder, TimeSpan pause);

        [LoggerMessage(7008, LogLevel.Information, "Training run {Run} has ended: {LastLine}")]
        public static partial void Ended(ILogger logger, int run, string lastLine);

        [LoggerMessage(7009, LogLevel.Error, "Training run {Run} is given up after {Failures} failures, the last one {End}, last line \"{LastLine}\", output in {Folder}. The next begins after {Episodes} new episodes; serving goes on.")]
        public static partial void GivenUp(ILogger logger, int run, int failures, TrainerEnd end, string lastLine, string folder, int episodes);
    }
}
