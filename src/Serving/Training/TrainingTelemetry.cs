using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Observability;

namespace Serving.Training;

/// <summary>What the supervisor does, as metrics. Levels are read when somebody asks. Thread-safe.</summary>
internal static class TrainingTelemetry
{
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Training)}");
    private static readonly ConcurrentDictionary<TrainerSupervisor, bool> _supervisors = new();

    private static readonly Counter<long> _restarts = _meter.CreateCounter<long>(
        "serving.trainer.restarts", "{process}", "Trainers that failed and were started again, by what was wrong with them.");

    private static readonly Counter<long> _runs = _meter.CreateCounter<long>("serving.trainer.runs", "{run}", "Runs that came to an end, by how.");

    static TrainingTelemetry()
    {
        _meter.CreateObservableGauge(
            "serving.trainer.state", () => Read(supervisor => (int)supervisor.State), "1", "0 off, 1 waiting for episodes, 2 running, 3 waiting to restart, 4 no program.");
        _meter.CreateObservableGauge(
            "serving.trainer.new_episodes", () => Read(supervisor => supervisor.NewEpisodes), "{episode}", "Episodes logged since the last run began.");
        _meter.CreateObservableGauge(
            "serving.trainer.last_run", () => Read(supervisor => supervisor.LastRun), "s", "When the last run of this process ended, Unix time; 0 = none has.");
    }

    public static void Watch(TrainerSupervisor supervisor) => _supervisors.TryAdd(supervisor, true);

    public static void Leave(TrainerSupervisor supervisor) => _supervisors.TryRemove(supervisor, out _);

    public static void Restarted(TrainerEnd end) => _restarts.Add(1, new KeyValuePair<string, object?>(Telemetry.ErrorType, Word(end)));

    /// <param name="end">How the last trainer of the run ended; anything but the first two is a run given up.</param>
    public static void Ended(TrainerEnd end) => _runs.Add(1, new KeyValuePair<string, object?>("serving.trainer.end", Word(end)));

    private static IEnumerable<Measurement<long>> Read(Func<TrainerSupervisor, long> read) => _supervisors.Keys.Select(supervisor => new Measurement<long>(read(supervisor)));

    private static string Word(TrainerEnd end) => end switch
    {
        TrainerEnd.Finished => "finished",
        TrainerEnd.StoppedByBound => "stopped_by_bound",
        TrainerEnd.CannotResume => "cannot_resume",
        TrainerEnd.Hung => "hung",
        TrainerEnd.TooLarge => "too_large",
        _ => "crashed",
    };
}
