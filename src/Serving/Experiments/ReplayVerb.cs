using System.CommandLine;
using Serving.Models;

namespace Serving.Experiments;

/// <summary>"ab replay": makes every decision of the gate again from its pairs. Stateless.</summary>
internal static class ReplayVerb
{
    private const int Differs = 1;

    public static Command Create()
    {
        var places = new AbPlaces();
        var command = new Command(
            "replay", "Makes every decision of the gate again, from the pairs that it rested on, and says whether it comes out the same. Exit codes: 0 = all do, 1 = not all do, 2 = a file cannot be read.");
        places.AddTo(command);
        command.SetAction(parsed => AbCommand.Guard(parsed, () => Run(parsed.InvocationConfiguration.Output, places.Of(parsed))));
        return command;
    }

    private static int Run(TextWriter output, AbSettings settings)
    {
        var log = new DecisionLog(new ModelStore(settings.Models, TimeProvider.System), TimeProvider.System);
        var problems = new List<string>();
        var replays = new List<Replay>();
        foreach (var name in Names(settings))
        {
            var history = log.Read(name);
            problems.AddRange(history.Rejected.Select(rejected => rejected.Reason));
            var decided = history.Decisions.Select(decision => Decided.Of(name, decision, problems)).ToArray();
            var pairs = decided.Where(entry => entry.State is not null).Select(entry => entry.Candidate).Distinct()
                .ToDictionary(candidate => candidate, candidate => PairLog.Read(settings.Options.Root, candidate));
            replays.AddRange(decided.Select(entry => Replay.Of(entry, pairs.GetValueOrDefault(entry.Candidate) ?? [])));
        }

        foreach (var replay in replays)
        {
            var (decided, decision) = (replay.Decided, replay.Decided.Decision);
            var verdict = replay.IsSame switch { true => "same", false => "DIFFERS", null => "-" };
            output.WriteLine($"{decision.Number,4}  {decision.Time:yyyy-MM-dd HH:mm:ss}  {DecisionReport.WordOf(decision.Kind),-9}  {decided.Candidate,-20}  {verdict,-7}  {replay.Remark}");
        }

        problems.ForEach(output.WriteLine);
        var (same, differing) = (replays.Count(replay => replay.IsSame == true), replays.Count(replay => replay.IsSame == false));
        output.WriteLine($"{replays.Count} decisions, {same + differing} of the gate: {same} come out the same, {differing} do not.");
        return differing + problems.Count == 0 ? 0 : Differs;
    }

    /// <summary>Every name with decisions.</summary>
    private static IEnumerable<string> Names(AbSettings settings) => Directory.Exists(settings.Models)
        ? Directory.EnumerateDirectories(settings.Models).Where(folder => Directory.Exists(Path.Combine(folder, "decisions"))).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)
        : throw new ExperimentException($"There is no folder '{settings.Models}': name the registry with --models.");
}
