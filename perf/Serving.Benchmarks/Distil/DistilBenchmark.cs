using System.CommandLine;
using System.Globalization;
using Serving.Testing;

namespace Serving.Benchmarks.Distil;

/// <summary>
/// Verb "distil": makes the training runs of an experiment one after the other, then draws its plots and prints its table. What was made before is kept, so that
/// it goes on where it was stopped.
/// </summary>
internal static class DistilBenchmark
{
    public static Task<int> Run(string[] args)
    {
        var file = new Argument<string>("experiment") { Description = "A file of perf/distil." };
        var episodes = new Option<string>("--episodes") { DefaultValueFactory = _ => "data/episodes", Description = "Log that is learnt from." };
        var validation = new Option<string>("--validation") { DefaultValueFactory = _ => "validation.jsonl", Description = "Descriptions and synopses for the evaluations." };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var runs = new Option<string>("--runs") { Required = true, Description = "Folder for the runs." };
        var plots = new Option<string>("--plots") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "perf", "plots"), Description = "Folder for the plots." };
        var only = new Option<string[]>("--only") { DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true, Description = "Names of the runs to make; all by default." };
        var device = new Option<string>("--device") { DefaultValueFactory = _ => "cpu", Description = "Where the runs learn: cpu, or cuda as in run --device." };
        var drawOnly = new Option<bool>("--draw-only") { Description = "Make no run; draw and print what there is." };
        var command = new RootCommand("Training runs compared.") { file, episodes, validation, models, runs, plots, only, device, drawOnly };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var experiment = Experiment.Read(parsed.GetRequiredValue(file));
            var places = new Dictionary<string, string>
            {
                ["{episodes}"] = Path.GetFullPath(parsed.GetRequiredValue(episodes)),
                ["{validation}"] = Path.GetFullPath(parsed.GetRequiredValue(validation)),
                ["{models}"] = Path.GetFullPath(parsed.GetRequiredValue(models)),
            };
            var folder = Path.Combine(Path.GetFullPath(parsed.GetRequiredValue(runs)), Path.GetFileNameWithoutExtension(parsed.GetRequiredValue(file)));
            if (!parsed.GetValue(drawOnly))
            {
                await MakeAsync(experiment, places, folder, parsed.GetValue(only)!, parsed.GetRequiredValue(device), cancellationToken);
            }

            var curves = Ordered(experiment).Select(pair => RunCurve.Read(pair.Run.Name, pair.Seed, FolderOf(folder, pair.Run, pair.Seed))).ToArray();
            foreach (var plot in experiment.Plots)
            {
                RunCurvePlot.Save(plot, curves, parsed.GetRequiredValue(plots));
            }

            Print(experiment, curves);
        });
        return command.Parse(args).InvokeAsync();
    }

    private static async Task MakeAsync(
        Experiment experiment, IReadOnlyDictionary<string, string> places, string folder, string[] only, string device, CancellationToken cancellationToken)
    {
        foreach (var (run, seed) in Ordered(experiment).Where(pair => only.Length == 0 || only.Contains(pair.Run.Name)))
        {
            string[] settings = [.. experiment.Settings.Concat(run.Settings).Select(setting => $"{setting.Key}={setting.Value}")];
            string[] arguments = [.. experiment.Arguments, .. run.Arguments, "--device", device, .. settings.Length > 0 ? (string[])["--set", .. settings] : []];
            Console.Error.WriteLine($"{run.Name}, seed {seed}");
            await TrainingProcess.RunAsync([.. arguments.Select(Placed)], seed, FolderOf(folder, run, seed), cancellationToken);
        }

        string Placed(string text) => places.Aggregate(text, (written, place) => written.Replace(place.Key, place.Value, StringComparison.Ordinal));
    }

    private static IEnumerable<(ExperimentRun Run, ulong Seed)> Ordered(Experiment experiment) =>
        experiment.Seeds.SelectMany(seed => experiment.Runs.Select(run => (run, seed)));

    private static string FolderOf(string folder, ExperimentRun run, ulong seed) => Path.Combine(folder, $"{run.Name}-{seed}");

    /// <summary>The last evaluation of every run, the mean over seeds; the first one of any run is the start.</summary>
    private static void Print(Experiment experiment, IReadOnlyList<RunCurve> curves)
    {
        Console.WriteLine(experiment.Title);
        Console.WriteLine($"| run | seeds | step | {string.Join(" | ", experiment.Columns)} |");
        Console.WriteLine($"| --- | --- | --- | {string.Join(" | ", experiment.Columns.Select(_ => "---"))} |");
        if (curves.FirstOrDefault(curve => curve.Points.Count > 0) is { } any)
        {
            Row("start", [any.Points[0]]);
        }

        foreach (var run in experiment.Runs)
        {
            Row(run.Name, [.. curves.Where(curve => curve.Run == run.Name && curve.Points.Count > 0).Select(curve => curve.Points[^1])]);
        }

        void Row(string name, IReadOnlyList<IReadOnlyDictionary<string, double>> last)
        {
            if (last.Count > 0)
            {
                var cells = experiment.Columns.Prepend("step").Select(column =>
                    last.All(point => point.ContainsKey(column)) ? last.Average(point => point[column]).ToString("0.###", CultureInfo.InvariantCulture) : "");
                Console.WriteLine($"| {name} | {last.Count} | {string.Join(" | ", cells)} |");
            }
        }
    }
}
