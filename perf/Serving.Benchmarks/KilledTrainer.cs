using System.Diagnostics;
using Serving.Models;
using Serving.Testing;
using Serving.Training;

namespace Serving.Benchmarks;

/// <summary>
/// A trainer at the end of its run: it has learnt from a server's log and kept its last checkpoint. Each process that goes on from there trains nothing more, only
/// publishes, as one does that its supervisor starts again.
/// </summary>
internal sealed class KilledTrainer
{
    private const int Questions = 8;

    private readonly TemporaryFolder _folder;
    private readonly string _name;

    private KilledTrainer(TemporaryFolder folder, string name)
    {
        _folder = folder;
        _name = name;
    }

    /// <summary>From the first staged file to the version that readers see, the longest of three undisturbed publications.</summary>
    public TimeSpan Publication { get; private set; }

    /// <summary>Copies the registry into the folder, gets a log and a checkpoint, and publishes undisturbed.</summary>
    public static async Task<KilledTrainer> TrainAsync(TemporaryFolder folder, string models, string name, CancellationToken cancellationToken)
    {
        var registry = folder.File("models");
        foreach (var file in Directory.EnumerateFiles(models, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(registry, Path.GetRelativePath(models, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        await using (var server = await ServerProcess.StartAsync(registry, folder.File("episodes"), cancellationToken, "--Experiments:Gate=Off"))
        {
            await BestOfNBurst.SendAsync(server, Questions, cancellationToken);
        }

        var trainer = new KilledTrainer(folder, name);
        for (var publication = 0; publication < 3; publication++)
        {
            using var process = trainer.Start();
            await PublishKillBenchmark.StagesAsync(process, folder.File($"models/{name}"), cancellationToken);
            var watch = Stopwatch.StartNew();
            while (new ModelStore(registry, TimeProvider.System).Versions(name).Count == 0 && !process.HasExited)
            {
                await Task.Yield();
            }

            trainer.Publication = watch.Elapsed > trainer.Publication ? watch.Elapsed : trainer.Publication;
            await process.WaitForExitAsync(cancellationToken);
            Directory.Delete(folder.File($"models/{name}"), recursive: true);
        }

        return trainer;
    }

    /// <summary>Serving.Trainer, verb "run".</summary>
    public Process Start()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, WorkingDirectory = _folder.Path };
        string[] arguments =
        [
            TrainerProgram.Find()!, "run", "--recipe", "bond", "--episodes", _folder.File("episodes"), "--models", _folder.File("models"), "--start", "student@1",
            "--run", _folder.File("run"), "--publish-as", _name, "--steps", "2", "--limit", "0", "--resume",
            "--set", "Trainer:GroupsPerStep=2", "Trainer:RoundSteps=2", "Trainer:MaxTokens=16", "Trainer:Judge=",
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
