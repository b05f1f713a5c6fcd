using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using Serving.Models;
using Serving.Training;
using Spectre.Console;

namespace Serving.Demo;

/// <summary>Verb "demo": the whole loop in a few minutes, on a copy of the registry.</summary>
public static class DemoCommand
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var defaults = new DemoOptions { Models = "", Work = "", Server = "", Trainer = "" };
        var prompts = new Option<string?>("--prompts") { Description = "JSON Lines with \"document\" to send [default: this machine's package descriptions]." };
        var evaluation = new Option<string?>("--evaluation") { Description = "JSON Lines with \"document\" to measure on [default: prompts that are not sent]." };
        var requests = new Option<int>("--requests") { DefaultValueFactory = _ => defaults.Requests, Description = "Best-of-N requests to log." };
        var measured = new Option<int>("--measure") { DefaultValueFactory = _ => defaults.Measured, Description = "Prompts to measure on." };
        var candidates = new Option<int>("--candidates") { DefaultValueFactory = _ => defaults.Candidates };
        var margin = new Option<double>("--margin") { DefaultValueFactory = _ => defaults.Margin, Description = "How much lower the judge may score the distilled policy, 0 to 1." };
        var pairs = new Option<int>("--pairs") { DefaultValueFactory = _ => defaults.MostPairs, Description = "Most prompts to compare on." };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => defaults.Steps, Description = "Training steps." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => defaults.Seed };
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models", Description = "Registry to copy." };
        var work = new Option<string?>("--work") { Description = "New folder for everything that the demo writes [default: a temporary one]." };
        var trainer = new Option<string?>("--trainer") { Description = "Serving.Trainer.dll [default: the one built beside this program]." };
        var command = new Command("demo", "Serve, log, distil, swap and measure, once.")
        {
            prompts, evaluation, requests, measured, candidates, steps, margin, pairs, seed, models, work, trainer,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var folder = parsed.GetValue(work) is { } chosen ? Path.GetFullPath(chosen) : Directory.CreateTempSubdirectory("serving-demo-").FullName;
                Directory.CreateDirectory(folder);
                if (Directory.EnumerateFileSystemEntries(folder).Any())
                {
                    throw new DemoException($"{folder} is not empty; name a new folder with --work.");
                }

                var options = new DemoOptions
                {
                    Prompts = parsed.GetValue(prompts),
                    Evaluation = parsed.GetValue(evaluation),
                    Requests = parsed.GetValue(requests),
                    Measured = parsed.GetValue(measured),
                    Candidates = parsed.GetValue(candidates),
                    Steps = parsed.GetValue(steps),
                    Margin = parsed.GetValue(margin),
                    MostPairs = parsed.GetValue(pairs),
                    Seed = parsed.GetValue(seed),
                    Models = ModelRoot.Resolve(parsed.GetRequiredValue(models), AppContext.BaseDirectory),
                    Work = folder,
                    Server = Assembly.GetEntryAssembly()!.Location,
                    Trainer = parsed.GetValue(trainer) ?? FindTrainer(),
                };
                var screen = new DemoScreen(AnsiConsole.Console);
                var report = await new LoopDemo(options, screen, TimeProvider.System).RunAsync(cancellationToken);
                var path = Path.Combine(folder, "report.json");
                await File.WriteAllTextAsync(path, JsonSerializer.Serialize(report, _json), cancellationToken);
                screen.Show(report);
                AnsiConsole.Console.WriteLine($"Everything lies in {folder} (report.json, episodes, logs).");
                return 0;
            }
            catch (Exception e) when (e is DemoException or ModelException or HttpRequestException or IOException or InvalidDataException)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return 1;
            }
        });
        return command;
    }

    private static string FindTrainer() => TrainerProgram.Find()
        ?? throw new DemoException($"Serving.Trainer.dll is in none of {string.Join(", ", TrainerProgram.Places)}: build it (dotnet build -c Release) or name it with --trainer.");
}
